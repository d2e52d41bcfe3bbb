#include "systems/meru/recipe.h"

#include <cmath>

#include "core/error.h"

namespace cambium::systems::meru {

using io::above;
using io::at_least;
using io::between;
using io::one_of;

cambium::clip::CLIPOptions ModelRecipe::clip_options() const {
  cambium::clip::CLIPOptions options;
  if (visual == "custom") {
    options.visual.width = width;
    options.visual.depth = depth;
    options.visual.heads = heads;
  } else {
    options.visual = cambium::clip::VisionTransformerOptions::named(visual);
  }
  options.visual.image_size = image_size;
  options.visual.patch = patch;
  options.visual.conv_stem.assign(conv_stem.begin(), conv_stem.end());
  options.textual = cambium::clip::TextTransformerOptions::parse(textual);
  options.textual.context = context_length;
  options.embed_dim = embed_dim;
  options.validate();
  return options;
}

cambium::meru::LossOptions ModelRecipe::loss_options() const {
  using cambium::meru::LossOptions;
  LossOptions options = objective == "clip"       ? LossOptions::clip()
                        : objective == "hycoclip" ? LossOptions::hycoclip()
                        : objective == "euclip"   ? LossOptions::euclip()
                                                  : LossOptions::meru();
  if (objective != "clip") {
    options.entail_weight = entail_weight;
    options.min_radius = min_radius;
    options.curv_init = curv_init;
  }
  options.lorentz.numerics = numerics == "parity" ? cambium::meru::Numerics::parity : cambium::meru::Numerics::safe;
  options.validate();
  return options;
}

void fields(io::RecipeSection& s, ModelRecipe& r, bool sized) {
  s.field("objective", r.objective, one_of({"meru", "clip", "hycoclip", "euclip"}));
  if (sized) {
    s.field("embed_dim", r.embed_dim, between(1, 65536));
    s.field("visual", r.visual, one_of({"s", "b", "l", "custom"}));
    s.field("image_size", r.image_size, between(1, 4096));
    s.field("patch", r.patch, between(1, 1024));
    if (r.visual == "custom") {
      s.field("width", r.width, between(1, 16384));
      s.field("depth", r.depth, between(1, 256));
      s.field("heads", r.heads, between(1, 256));
    }
    s.field("conv_stem", r.conv_stem, between(1, 16384));
    s.field("textual", r.textual);
    s.field("context_length", r.context_length, between(2, 4096));
  }
  s.field("curv_init", r.curv_init, above(0));
  s.field("learn_curv", r.learn_curv);
  s.field("entail_weight", r.entail_weight, at_least(0));
  s.field("min_radius", r.min_radius, above(0));
  s.field("numerics", r.numerics, one_of({"safe", "parity"}));
}

void fields(io::RecipeSection& s, PeftRecipe& r) {
  s.field("method", r.method, one_of({"none", "projections", "lora"}));
  s.field("rank", r.rank, between(1, 4096));
  s.field("alpha", r.alpha, above(0));
  s.field("targets", r.targets);
  if (r.targets.empty()) s.fail("targets", "names no layer", "write [\"*.attn.*\"]");
  s.field("views", r.views, between(1, 1000));
}

void fields(io::RecipeSection& s, DataRecipe& r) {
  s.field("format", r.format, one_of({"shards", "captions"}));
  s.field("paths", r.paths);
  s.field("table", r.table);
  s.field("image_field", r.image_field);
  s.field("text_fields", r.text_fields);
  if (r.text_fields.empty()) s.fail("text_fields", "names no field", "give at least one, as [caption]");
  s.field("text_weights", r.text_weights, at_least(0));
  if (!r.text_weights.empty() && r.text_weights.size() != r.text_fields.size()) {
    s.fail("text_weights",
           "holds " + std::to_string(r.text_weights.size()) + " weights for " + std::to_string(r.text_fields.size()) +
               " text_fields",
           "give one weight for each field");
  }
  s.field("subreddit_prefix", r.subreddit_prefix, between(0, 1));
  s.field("crop_scale", r.crop_scale, between(1e-4, 1));
  if (r.crop_scale.size() != 2 || r.crop_scale[0] > r.crop_scale[1])
    s.fail("crop_scale", "is not a range", "write [0.5, 1.0]");
  s.field("crop_ratio", r.crop_ratio, between(0.01, 100));
  if (r.crop_ratio.size() != 2 || r.crop_ratio[0] > r.crop_ratio[1])
    s.fail("crop_ratio", "is not a range", "write [0.75, 1.333]");
  s.field("shuffle_buffer", r.shuffle_buffer, between(1, 1e8));
  s.field("skip_damaged", r.skip_damaged);
  s.field("replay_order", r.replay_order);
  s.field("threads", r.threads, between(0, 256));
}

void fields(io::RecipeSection& s, TrainRecipe& r) {
  s.field("steps", r.steps, at_least(1));
  s.field("batch", r.batch, between(1, 1e6));
  s.field("micro_batch", r.micro_batch, between(0, 1e6));
  fields(s, r.optimizer);
  s.field("warmup", r.warmup, at_least(0));
  s.field("schedule", r.schedule, one_of({"cosine_squared", "cosine", "constant"}));
  s.field("gain_bias_decay", r.gain_bias_decay, at_least(0));
  s.field("checkpointing", r.checkpointing);
  fields(s, r.run);
}

void fields(io::RecipeSection& section, Recipe& recipe) {
  section.field("system", recipe.system, one_of({"meru"}));
  section.field("foundation", recipe.foundation);
  section.section("peft", [&](io::RecipeSection& s) { fields(s, recipe.peft); });
  if (recipe.peft.active() && recipe.foundation.empty()) {
    section.fail("foundation", "names no weights to adapt",
                 "set it, as --set foundation=ViT-B-32.pt; docs/weights.md lists what can be opened");
  }
  section.section("model", [&](io::RecipeSection& s) { fields(s, recipe.model, recipe.foundation.empty()); });
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data); });
  section.section("train", [&](io::RecipeSection& s) { fields(s, recipe.train); });
}

}  // namespace cambium::systems::meru
