#include "systems/video_ldm/decoder/recipe.h"

#include <cmath>

namespace cambium::systems::video_ldm::decoder {

using io::above;
using io::at_least;
using io::between;
using io::one_of;

FilmSet Recipe::Data::open() const {
  return FilmSet::open(films, {.height = height, .width = width, .fps = fps, .least_frames = frames});
}

cambium::video_ldm::DiscriminatorOptions Recipe::Discriminator::options() const {
  cambium::video_ldm::DiscriminatorOptions options{.widths = {}, .norm_groups = norm_groups};
  for (const double width : widths) options.widths.push_back(std::llround(width));
  options.validate();
  return options;
}

namespace {

void fields(io::RecipeSection& s, Recipe::Data& r) {
  fields(s, r.films);
  s.field("height", r.height, between(8, 8192));
  s.field("width", r.width, between(8, 8192));
  s.field("frames", r.frames, between(2, 1024));
  s.field("fps", r.fps, above(0));
  s.field("latent_noise", r.latent_noise, at_least(0));
}

void fields(io::RecipeSection& s, Recipe::Discriminator& r) {
  s.field("widths", r.widths, at_least(1));
  s.field("norm_groups", r.norm_groups, at_least(1));
  s.field("weight", r.weight, at_least(0));
  s.field("from", r.from, at_least(0));
}

}  // namespace

void fields(io::RecipeSection& section, Recipe& recipe) {
  section.field("system", recipe.system, one_of({"video_ldm"}));
  section.field("task", recipe.task, one_of({"temporal_decoder"}));
  section.field("foundation", recipe.foundation);
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data); });
  section.section("discriminator", [&](io::RecipeSection& s) { fields(s, recipe.discriminator); });
  section.section("train", [&](io::RecipeSection& s) { fields(s, recipe.train); });
}

}  // namespace cambium::systems::video_ldm::decoder
