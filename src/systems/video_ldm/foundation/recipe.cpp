#include "systems/video_ldm/foundation/recipe.h"

#include <cmath>

namespace cambium::systems::video_ldm::foundation {

using io::above;
using io::at_least;
using io::between;
using io::one_of;

namespace {

std::vector<int64_t> integers(const std::vector<double>& values) {
  std::vector<int64_t> out;
  for (const double value : values) out.push_back(std::llround(value));
  return out;
}

}  // namespace

latent_diffusion::AutoencoderOptions AutoencoderRecipe::Model::options() const {
  latent_diffusion::AutoencoderOptions options{.latent_channels = latent_channels,
                                               .block_out_channels = integers(channels),
                                               .layers_per_block = layers,
                                               .norm_groups = norm_groups,
                                               .scaling_factor = 1,
                                               .middle_attention = middle_attention};
  options.validate();
  return options;
}

latent_diffusion::UNetOptions ImageRecipe::Model::options(int64_t latent_channels, int64_t context_width) const {
  latent_diffusion::UNetOptions options{.in_channels = latent_channels,
                                        .out_channels = latent_channels,
                                        .block_out_channels = integers(channels),
                                        .attention = std::vector<bool>(channels.size(), true),
                                        .only_cross_attention = std::vector<bool>(channels.size(), false),
                                        .heads = std::vector<int64_t>(channels.size(), heads),
                                        .layers_per_block = layers,
                                        .cross_attention_dim = context_width,
                                        .linear_projection = true,
                                        .norm_groups = norm_groups};
  options.validate();
  return options;
}

FilmSet FramesRecipe::open() const {
  return FilmSet::open(films, {.height = size, .width = size, .fps = fps, .stills = true});
}

clip::TextTransformerOptions ImageRecipe::Text::options() const {
  clip::TextTransformerOptions options{.width = width,
                                       .layers = layers,
                                       .heads = heads,
                                       .activation = nn::Activation::quick_gelu};  // Stable Diffusion 1
  options.validate();
  return options;
}

namespace {

void fields(io::RecipeSection& s, FramesRecipe& r) {
  fields(s, r.films);
  s.field("size", r.size, between(8, 4096));
  s.field("fps", r.fps, above(0));
}

void fields(io::RecipeSection& s, AutoencoderRecipe::Model& r) {
  s.field("channels", r.channels, at_least(1));
  s.field("layers", r.layers, between(1, 16));
  s.field("latent_channels", r.latent_channels, between(1, 64));
  s.field("norm_groups", r.norm_groups, at_least(1));
  s.field("middle_attention", r.middle_attention);
}

void fields(io::RecipeSection& s, AutoencoderRecipe::Loss& r) {
  s.field("l1", r.l1, at_least(0));
  s.field("mse", r.mse, at_least(0));
  s.field("gradient", r.gradient, at_least(0));
  s.field("kl", r.kl, at_least(0));
}

void fields(io::RecipeSection& s, ImageRecipe::Model& r) {
  s.field("channels", r.channels, at_least(1));
  s.field("layers", r.layers, between(1, 16));
  s.field("heads", r.heads, between(1, 64));
  s.field("norm_groups", r.norm_groups, at_least(1));
}

void fields(io::RecipeSection& s, ImageRecipe::Text& r) {
  s.field("width", r.width, between(8, 4096));
  s.field("layers", r.layers, between(1, 64));
  s.field("heads", r.heads, between(1, 64));
}

}  // namespace

void fields(io::RecipeSection& section, AutoencoderRecipe& recipe) {
  section.field("system", recipe.system, one_of({"video_ldm"}));
  section.field("task", recipe.task, one_of({"foundation_autoencoder"}));
  section.section("model", [&](io::RecipeSection& s) { fields(s, recipe.model); });
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data); });
  section.section("loss", [&](io::RecipeSection& s) { fields(s, recipe.loss); });
  section.section("train", [&](io::RecipeSection& s) { fields(s, recipe.train); });
}

void fields(io::RecipeSection& section, ImageRecipe& recipe) {
  section.field("system", recipe.system, one_of({"video_ldm"}));
  section.field("task", recipe.task, one_of({"foundation_image"}));
  section.field("autoencoder", recipe.autoencoder);
  section.section("model", [&](io::RecipeSection& s) { fields(s, recipe.model); });
  section.section("text", [&](io::RecipeSection& s) { fields(s, recipe.text); });
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data); });
  section.section("captions", [&](io::RecipeSection& s) { fields(s, recipe.captions); });
  section.section("train", [&](io::RecipeSection& s) { fields(s, recipe.train); });
}

}  // namespace cambium::systems::video_ldm::foundation
