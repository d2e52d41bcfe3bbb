#include "systems/video_ldm/recipe.h"

#include <algorithm>
#include <cmath>

namespace cambium::systems::video_ldm {

using io::above;
using io::at_least;
using io::between;
using io::one_of;

cambium::video_ldm::TemporalOptions ModelRecipe::options(int64_t frames, int64_t rates) const {
  cambium::video_ldm::TemporalOptions options{
      .mixing = cambium::video_ldm::parse_mixing(mixing), .context = context, .frame_rates = rates > 1 ? rates : 0};
  if (options.mixing == cambium::video_ldm::Mixing::per_frame) options.frames = frames;
  options.validate();
  return options;
}

FilmSet DataRecipe::open() const {
  return FilmSet::open(
      films,
      {.height = height, .width = width, .fps = *std::max_element(fps.begin(), fps.end()), .least_frames = frames});
}

namespace {

// The task's own values where the recipe names none.
void set_defaults(Recipe& r) {
  if (r.task == "text_to_video") return;
  r.model.context = true;
  if (r.task != "interpolation") return;
  r.data.frames = 5;  // a known frame, three new ones, a known frame (section 3.2.1)
  r.data.fps = {7.5, 30};
}

void fields(io::RecipeSection& s, ModelRecipe& r, bool needs_context) {
  s.field("mixing", r.mixing, one_of({"sigmoid", "clamp", "per_frame"}));
  s.field("context", r.context);
  if (needs_context && !r.context)
    s.fail("context", "is off, but the task's frames are given through it", "write context: true");
}

void fields(io::RecipeSection& s, DataRecipe& r, const std::string& task) {
  fields(s, r.films);
  s.field("height", r.height, between(8, 8192));
  s.field("width", r.width, between(8, 8192));
  s.field("frames", r.frames, between(2, 1024));
  s.field("fps", r.fps, above(0));
  if (r.fps.empty()) s.fail("fps", "names no rate", "write fps: [2]");
  if (r.fps.size() > 1 && task != "interpolation")
    s.fail("fps", "names several rates, which only interpolation tells apart", "write one");
  const double most = *std::max_element(r.fps.begin(), r.fps.end());
  for (const double rate : r.fps) {
    if (std::abs(most / rate - std::round(most / rate)) > 1e-6)
      s.fail("fps", "holds rates that do not divide the highest", "write such as [7.5, 30]");
  }
}

}  // namespace

void fields(io::RecipeSection& section, Recipe& recipe) {
  section.field("system", recipe.system, one_of({"video_ldm"}));
  section.field("task", recipe.task, one_of({"text_to_video", "prediction", "interpolation"}));
  set_defaults(recipe);
  section.field("foundation", recipe.foundation);
  section.field("start", recipe.start);
  section.section("model", [&](io::RecipeSection& s) { fields(s, recipe.model, recipe.task != "text_to_video"); });
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data, recipe.task); });
  section.section("captions", [&](io::RecipeSection& s) { fields(s, recipe.captions); });
  section.section("loss", [&](io::RecipeSection& s) { s.field("min_snr", recipe.loss.min_snr, at_least(0)); });
  section.section("train", [&](io::RecipeSection& s) {
    fields(s, recipe.train);
    s.field("micro_batch", recipe.micro_batch, between(1, 65536));
    s.field("checkpointing", recipe.checkpointing);
  });
}

}  // namespace cambium::systems::video_ldm
