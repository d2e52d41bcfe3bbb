#include "systems/sam_adapter/foundation/recipe.h"

#include <cmath>

namespace cambium::systems::sam_adapter::foundation {

using io::above;
using io::at_least;
using io::between;
using io::one_of;

cambium::sam::SamOptions ModelRecipe::options() const {
  cambium::sam::SamOptions options;
  options.encoder = {.image_size = image_size,
                     .patch = patch,
                     .width = width,
                     .depth = depth,
                     .heads = heads,
                     .window = window,
                     .global_blocks = {},
                     .out_channels = neck};
  for (const double block : global_blocks) options.encoder.global_blocks.push_back(std::llround(block));
  options.prompt = {.width = neck, .image_size = image_size, .patch = patch};
  options.decoder = {.width = neck, .heads = decoder_heads, .mlp_width = decoder_mlp, .iou_hidden = neck};
  options.validate();
  return options;
}

data::composite::SceneOptions DataRecipe::scenes(int64_t side) const {
  data::composite::SceneOptions options{.side = side, .texture_share = texture_share, .harmonise = harmonise};
  options.validate();
  return options;
}

namespace {

void fields(io::RecipeSection& s, ModelRecipe& r) {
  s.field("image_size", r.image_size, between(16, 4096));
  s.field("patch", r.patch, between(1, 64));
  s.field("width", r.width, between(8, 4096));
  s.field("depth", r.depth, between(1, 64));
  s.field("heads", r.heads, between(1, 64));
  s.field("window", r.window, between(1, 256));
  s.field("global_blocks", r.global_blocks, at_least(0));
  s.field("neck", r.neck, between(8, 1024));
  s.field("decoder_heads", r.decoder_heads, between(1, 64));
  s.field("decoder_mlp", r.decoder_mlp, between(8, 8192));
}

void fields(io::RecipeSection& s, DataRecipe& r) {
  s.field("path", r.path);
  s.field("permissive_only", r.permissive_only);
  s.field("texture_share", r.texture_share, between(0, 1));
  s.field("harmonise", r.harmonise, between(0, 1));
  s.field("threads", r.threads, between(0, 256));
}

void fields(io::RecipeSection& s, TrainRecipe& r) {
  s.field("steps", r.steps, at_least(1));
  s.field("batch", r.batch, between(1, 4096));
  fields(s, r.optimizer);
  s.field("warmup", r.warmup, at_least(0));
  s.field("multimask", r.multimask, between(0, 1));
  s.field("refine", r.refine, between(0, 1));
  s.field("bce_weight", r.bce_weight, at_least(0));
  s.field("dice_weight", r.dice_weight, at_least(0));
  s.field("iou_weight", r.iou_weight, at_least(0));
  s.field("auxiliary_weight", r.auxiliary_weight, at_least(0));
  fields(s, r.run);
  s.field("eval_every", r.eval_every, at_least(0));
  s.field("eval_scenes", r.eval_scenes, between(1, 100000));
}

}  // namespace

void fields(io::RecipeSection& section, Recipe& recipe) {
  section.field("system", recipe.system, one_of({"sam_adapter"}));
  section.field("task", recipe.task, one_of({"foundation"}));
  section.section("model", [&](io::RecipeSection& s) { fields(s, recipe.model); });
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data); });
  section.section("train", [&](io::RecipeSection& s) { fields(s, recipe.train); });
}

}  // namespace cambium::systems::sam_adapter::foundation
