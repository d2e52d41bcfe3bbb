#include "systems/meru/demo/page.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "core/progress.h"
#include "report/html.h"
#include "report/svg.h"
#include "report/text.h"
#include "systems/meru/demo/disc.h"

namespace cambium::systems::meru::demo {
namespace {

std::vector<double> to_vector(const at::Tensor& values) {
  const at::Tensor flat = values.to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

std::string curve(const PageInputs& in, const std::string& title, const std::string& scalar, const std::string& label,
                  bool both) {
  std::vector<report::Series> series;
  const auto add = [&](const char* name, const History& history, int64_t colour) {
    const auto found = history.values.find(scalar);
    if (found != history.values.end())
      series.push_back({.name = name, .x = history.steps.at(scalar), .y = found->second, .colour = colour});
  };
  add("MERU", in.meru_history, 0);
  if (both) add("CLIP", in.clip_history, 1);
  return report::line_chart(series, {.title = title,
                                     .description = title + " over the training steps",
                                     .x = {.label = "step"},
                                     .y = {.label = label},
                                     .width = 460,
                                     .height = 280});
}

std::string distances(const Evaluation& evaluation, const std::string& title, const std::string& label) {
  return report::histogram(
      {{.name = "groups", .values = to_vector(evaluation.group_distance)},
       {.name = "subgroups", .values = to_vector(evaluation.subgroup_distance)},
       {.name = "names", .values = to_vector(evaluation.name_distance)},
       {.name = "pictures", .values = to_vector(evaluation.picture_distance)}},
      {.chart = {.title = title, .description = title, .x = {.label = label}, .width = 460, .height = 280},
       .bins = 40});
}

// Ten held-out pictures, evenly spaced through the catalogue, walked to the root by both models.
std::vector<report::Traversal> traversals(const PageInputs& in) {
  std::vector<std::string> pool = in.tree->names;
  for (const auto* more : {&in.tree->subgroups, &in.tree->groups}) {
    for (const auto& word : *more) {
      if (std::find(pool.begin(), pool.end(), word) == pool.end()) pool.push_back(word);
    }
  }
  const StyleSet& style = in.seen.back();
  const int64_t count = std::min<int64_t>(10, style.size());
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < count; ++i) rows.push_back((2 * i + 1) * style.size() / (2 * count));
  const at::Tensor pixels = style.pixels.index_select(0, at::tensor(rows, at::kLong));

  std::vector<report::Traversal> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& emoji = (*in.catalog)[style.emoji[rows[i]].item<int64_t>()];
    out[i].picture = {.bytes = picture_png(style.pixels[rows[i]]), .alt = emoji.name, .caption = emoji.name};
  }
  for (const Embedder* embedder : {in.meru, in.clip}) {
    const at::Tensor words = embedder->embed_texts(pool), pictures = embedder->embed_pixels(pixels);
    for (size_t i = 0; i < rows.size(); ++i) {
      std::vector<std::string> steps;
      for (const int64_t id : embedder->traverse(pictures[static_cast<int64_t>(i)], words)) {
        if (id < static_cast<int64_t>(pool.size())) steps.push_back(pool[id]);  // the page adds the root itself
      }
      out[i].steps.push_back(std::move(steps));
    }
  }
  return out;
}

// Evenly spaced pictures, the same emoji in every style where it exists.
std::vector<report::Picture> style_gallery(const PageInputs& in) {
  std::vector<report::Picture> pictures;
  const at::Tensor& wanted = in.styles.back().emoji;
  for (const StyleSet& style : in.styles) {
    for (int64_t i = 0; i < 8; ++i) {
      const int64_t emoji = wanted[(2 * i + 1) * wanted.size(0) / 16].item<int64_t>();
      const at::Tensor row = (style.emoji == emoji).nonzero();
      if (row.numel() == 0) continue;
      const std::string& name = (*in.catalog)[emoji].name;
      pictures.push_back({.bytes = picture_png(style.pixels[row[0][0].item<int64_t>()]),
                          .alt = style.style + ": " + name,
                          .caption = style.style});
    }
  }
  return pictures;
}

// What MERU gets wrong: held-out pictures evenly spaced among those whose name is not in the first five.
std::vector<report::Picture> failures(const PageInputs& in) {
  const StyleSet& style = in.seen.back();
  const at::Tensor pictures = in.meru->embed_pixels(style.pixels);
  const at::Tensor best = in.meru->scores(pictures, in.meru_words.names).argmax(1);
  const at::Tensor name = in.tree->name_of.index_select(0, style.emoji);
  const at::Tensor wrong = (best != name).nonzero().flatten();
  std::vector<report::Picture> out;
  const int64_t count = std::min<int64_t>(12, wrong.numel());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = wrong[(2 * i + 1) * wrong.numel() / (2 * count)].item<int64_t>();
    out.push_back({.bytes = picture_png(style.pixels[row]),
                   .alt = in.tree->names[name[row].item<int64_t>()],
                   .caption = in.tree->names[name[row].item<int64_t>()] + ", taken for " +
                              in.tree->names[best[row].item<int64_t>()]});
  }
  return out;
}

}  // namespace

void write_page(const std::filesystem::path& file, const report::Results& results, const PageInputs& in) {
  report::Page page(
      {.title = "MERU beside CLIP: pictures and words in hyperbolic space",
       .subtitle =
           "Two models with the same towers, data and steps, trained on emoji of three drawing styles and judged on "
           "two styles "
           "that neither has seen. After Desai et al., “Hyperbolic Image-Text Representations” (arXiv 2304.09172).",
       .footer = "cambium demo meru, mode " + results.mode + ", seed " + std::to_string(results.seed) + ", " +
                 format_duration(results.seconds) + ", peak memory " +
                 format_bytes(static_cast<double>(results.peak_memory_bytes))});
  const Evaluation &meru = in.outcomes[0].meru_seen, &clip = in.outcomes[0].clip_seen;
  const auto percent = [](const at::Tensor& right) {
    return report::format_percent(right.to(at::kDouble).mean().item<double>());
  };
  page.facts(
      {{"claims that hold", std::to_string(results.claims_held()) + " of " + std::to_string(results.claims.size())},
       {"chains in order, MERU", report::format_percent(meru.chain.chains_right),
        "CLIP " + report::format_percent(clip.chain.chains_right)},
       {"name in the first five, MERU", percent(meru.names.top5),
        "CLIP " + percent(clip.names.top5) + ", chance " + report::format_percent(meru.names.chance5)},
       {"training, each model", format_duration(in.train_seconds)}});
  page.section("What the paper says, and what was seen");
  page.paragraph(
      "Every number is measured on the held-out drawing styles (Fluent, flat and 3D), which no model was trained on. "
      "A claim that did not hold stays in the list.");
  page.claims(results.claims);

  page.section("The disc");
  page.paragraph(
      "MERU's embeddings on the Poincaré disc. **The distance from the middle is exact**: it is each point's own "
      "distance from the root. "
      "The angle is a layout in two dimensions: like directions lie side by side, words and pictures centred apart. "
      "Groups, their subgroups, names, and pictures of a style the model never saw.");
  for (const report::Figure& disc : emoji_discs(in)) page.figure(disc);

  page.section("Who lies nearer the root");
  page.paragraph(
      "The entailment loss asks a text to hold its picture in a cone that opens away from the root, so general words "
      "must lie near the root. "
      "CLIP has no root of its own; the paper takes the mean of its training embeddings.");
  page.figures({{distances(meru, "MERU", "distance from the root")},
                {distances(clip, "CLIP", "1 - cos to the mean embedding")}});

  page.section("From a picture to the root");
  page.paragraph(
      "Ten held-out pictures, evenly spaced through the catalogue (not chosen). Each walks to the root in 50 steps; at "
      "every step the "
      "nearest of all names, subgroups and groups is taken; for MERU only words whose cone holds the point (paper, "
      "section 4.3).");
  page.traversals({"MERU", "CLIP"}, traversals(in));

  page.section("Tables");
  for (const auto& [name, table] : results.tables) page.table(table);

  page.section("Training");
  page.figures({{curve(in, "Contrastive loss", "contrastive_loss", "nats", true)},
                {curve(in, "Entailment loss", "entailment_loss", "radians", false)},
                {curve(in, "Curvature c (the space has curvature -c)", "curv", "c", false)},
                {curve(in, "Logit scale", "logit_scale", "scale", true)}});
  page.section("The data");
  page.paragraph(
      "Noto, Twemoji and OpenMoji are trained on; Fluent flat and Fluent 3D are held out entirely, and 15% of the "
      "emoji are held out of all styles. "
      "The text of a pair is drawn from the emoji's name, keywords, subgroup or group.");
  page.gallery(style_gallery(in), "", 64);
  page.section("Where it fails");
  page.gallery(failures(in), "Held-out pictures evenly spaced among those that MERU names wrongly", 64);
  page.section("The recipe");
  page.code(in.recipe);
  page.write(file);
}

}  // namespace cambium::systems::meru::demo
