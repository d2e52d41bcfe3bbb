#include "systems/sam_adapter/demo/page.h"

#include <ATen/ops/cat.h>

#include "core/progress.h"
#include "io/image_tensor.h"
#include "report/html.h"
#include "report/svg.h"
#include "report/text.h"
#include "systems/sam_adapter/demo/gallery.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

constexpr int64_t kFreeRows = 3;      // of each problem
constexpr int64_t kStripWidth = 660;  // pixels on the page

const std::vector<Method> kShown = {Method::box, Method::decoder, Method::adapter};

std::string bars(const ProblemResult& result, const std::string& title, double metrics::SegmentationSummary::* measure,
                 const std::string& label) {
  report::Bars bars{.categories = {}, .groups = {label}, .values = {{}}};
  for (const MethodResult& method : result.methods) {
    if (method.method == Method::everything) continue;
    bars.categories.push_back(demo::title(method.method));
    bars.values[0].push_back(method.evaluation.summary.*measure);
  }
  return report::bar_chart(bars, {.title = title,
                                  .description = title + " of every method",
                                  .y = {.label = label, .low = 0},
                                  .width = 620,
                                  .height = 300});
}

void pictures(report::Page& page, const ProblemSet& set, const ProblemResult& result,
              const std::vector<int64_t>& places, const std::string& caption) {
  page.gallery(strips(set, result, kShown, places), caption, kStripWidth);
}

}  // namespace

void write_gallery(const std::filesystem::path& file, const PageInputs& in) {
  const auto rows = [](const ProblemSet& set, const ProblemResult& result) {
    return sheet(set, result, kShown, evenly_by_score(result.at(Method::adapter).evaluation, kFreeRows));
  };
  io::save_image(file,
                 io::from_tensor(at::cat(
                     {rows(in.free_shadow_set, in.free_shadow), rows(in.free_camouflage_set, in.free_camouflage)}, 1)));
}

void write_page(const std::filesystem::path& file, const report::Results& results, const PageInputs& in) {
  report::Page page(
      {.title = "SAM-Adapter: what a frozen Segment Anything learns from a few masks",
       .subtitle =
           "One frozen foundation, two tasks it cannot do: find camouflaged objects, and find cast shadows. After Chen "
           "et al., “SAM Fails to Segment Anything? SAM-Adapter” (arXiv 2304.09148).",
       .footer = "cambium demo sam_adapter, mode " + results.mode + ", seed " + std::to_string(results.seed) + ", " +
                 format_duration(results.seconds) + ", peak memory " +
                 format_bytes(static_cast<double>(results.peak_memory_bytes))});
  const ProblemResult &camouflage = in.camouflage.front(), &shadow = in.shadow.front();
  const auto& adapter = camouflage.at(Method::adapter);
  const auto number = [](double value, int digits) { return report::format_fixed(value, digits); };
  page.facts(
      {{"claims that hold", std::to_string(results.claims_held()) + " of " + std::to_string(results.claims.size())},
       {"shadow, balanced error", number(shadow.at(Method::adapter).evaluation.summary.ber, 1),
        "decoder alone " + number(shadow.at(Method::decoder).evaluation.summary.ber, 1) + ", SAM by a box " +
            number(shadow.at(Method::box).evaluation.summary.ber, 1)},
       {"camouflage, IoU", number(adapter.evaluation.summary.iou, 2),
        "decoder alone " + number(camouflage.at(Method::decoder).evaluation.summary.iou, 2) + ", SAM by a box " +
            number(camouflage.at(Method::box).evaluation.summary.iou, 2)},
       {"in the encoder", format_count(adapter.in_encoder),
        "parameters, of a foundation of " + format_count(in.foundation_parameters)},
       {"the trained file", format_bytes(static_cast<double>(adapter.delta_bytes)), "with the decoder"}});

  page.section("What the paper says, and what was seen");
  page.paragraph(
      "The foundation is " + in.foundation +
      ". Its image encoder stays frozen; every method beside it trains the mask "
      "decoder, and SAM-Adapter and LoRA a little in the encoder besides, for the same steps on the same pictures. " +
      in.rates + " A claim that did not hold stays in the list.");
  page.claims(results.claims);

  page.section("Shadows");
  for (const auto& [name, table] : results.tables) {
    if (name.starts_with("shadow")) page.table(table);
  }
  page.figure({bars(shadow, "Balanced error rate (lower is better)", &metrics::SegmentationSummary::ber, "per cent")});
  pictures(page, in.shadow_test, shadow, evenly_by_score(shadow.at(Method::adapter).evaluation, 5),
           "Test pictures, evenly spaced from SAM-Adapter's best to its worst: picture, truth, SAM by a whole-image "
           "box, decoder alone, SAM-Adapter");

  page.section("Camouflage");
  for (const auto& [name, table] : results.tables) {
    if (name.starts_with("camouflage")) page.table(table);
  }
  page.figure({bars(camouflage, "IoU (higher is better)", &metrics::SegmentationSummary::iou, "IoU")});
  pictures(page, in.camouflage_test, camouflage, evenly_by_score(adapter.evaluation, 5),
           "Test pictures, evenly spaced from SAM-Adapter's best to its worst: picture, truth, SAM by a whole-image "
           "box, decoder alone, SAM-Adapter");

  page.section("Where it fails");
  pictures(page, in.shadow_test, shadow, worst_by_score(shadow.at(Method::adapter).evaluation, 3),
           "The worst shadows of the test split");
  pictures(page, in.camouflage_test, camouflage, worst_by_score(adapter.evaluation, 3),
           "The worst camouflaged objects of the test split");

  page.section("On freely licensed pictures");
  page.paragraph(
      "The same models on drawings of the Open Clip Art Library (public domain) and photographs of OpenCV (Apache 2.0) "
      "and scikit-image (CC0), all held out of the foundation's training too. They are drawings, not photographs' "
      "outlines as in training.");
  pictures(page, in.free_shadow_set, in.free_shadow,
           evenly_by_score(in.free_shadow.at(Method::adapter).evaluation, kFreeRows), "Shadows");
  pictures(page, in.free_camouflage_set, in.free_camouflage,
           evenly_by_score(in.free_camouflage.at(Method::adapter).evaluation, kFreeRows), "Camouflage");

  page.section("The data");
  page.paragraph(
      "Camouflage: a photograph's cut-out is turned, its colours are moved to the background's mean and spread about "
      "it (by 75 to 100%), "
      "15 to 40% of shifted background bleeds into it, and its edge is softened. Shadows: an outline is sheared and "
      "blurred, and leaves 40 to "
      "70% of the light; shadows that cannot be seen are drawn again. Whole objects, whole photographs and whole sets "
      "of textures are held out. "
      "The cut-outs are Tux Paint's stamps (GPL-2), the backgrounds textures of OpenArena and photographs of MATE "
      "(GPL-2), OpenCV and scikit-image.");
  page.note(
      "Composed camouflage is not nature's: mixing and softening leave a trace in the high frequencies, which is just "
      "what "
      "SAM-Adapter's high-pass term looks at. Its lead over LoRA here may say less about photographs than about that "
      "trace.");
  page.section("The recipe");
  page.code(in.recipe);
  page.write(file);
}

}  // namespace cambium::systems::sam_adapter::demo
