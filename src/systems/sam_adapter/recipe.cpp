#include "systems/sam_adapter/recipe.h"

#include "core/error.h"

namespace cambium::systems::sam_adapter {

using io::above;
using io::at_least;
using io::between;
using io::one_of;

namespace {

// The released code's ways, as defaults of the keys that can say otherwise.
void set_official(Recipe& r) {
  r.peft.embedding_layout = "official";
  r.model.balance_floor = 0;
  r.data.mask = "soft";
  r.data.empty_masks = r.data.grey_masks = true;
  r.data.set.pairing = cambium::data::Pairing::index;
  r.train.micro_batch = 0;
}

void fields(io::RecipeSection& s, PeftRecipe& r) {
  s.field("method", r.method, one_of({"adapter", "lora", "conv_lora", "vpt", "bitfit", "decoder"}));
  s.field("decoder", r.decoder);
  if (r.method == "adapter") {
    s.field("scale_factor", r.scale_factor, between(1, 4096));
    s.field("freq_nums", r.freq_nums, between(0, 1));
    s.field("adaptor", r.adaptor, one_of({"lightweight", "fully_shared", "fully_unshared"}));
    s.field("handcrafted_tune", r.handcrafted_tune);
    s.field("embedding_tune", r.embedding_tune);
    s.field("embedding_layout", r.embedding_layout, one_of({"natural", "official"}));
    if (!r.handcrafted_tune && !r.embedding_tune) {
      s.fail("handcrafted_tune", "is off, as embedding_tune is: nothing is left to make prompts from",
             "turn one of them on");
    }
  }
  if (r.method == "lora" || r.method == "conv_lora") {
    s.field("rank", r.rank, between(1, 4096));
    s.field("alpha", r.alpha, above(0));
    s.field("targets", r.targets);
    if (r.targets.empty()) s.fail("targets", "names no layer", "write [\"image_encoder.blocks.*.attn.qkv\"]");
  }
  if (r.method == "lora") {
    s.field("qkv", r.qkv);
    if (r.qkv.find_first_not_of("qkv") != std::string::npos)
      s.fail("qkv", "names more than q, k and v", "write qv, qkv, or \"\" for one term in all");
  }
  if (r.method == "conv_lora") s.field("experts", r.experts, between(1, 16));
  if (r.method == "lora" || r.method == "bitfit") s.field("last_blocks", r.last_blocks, between(0, 256));
  if (r.method == "vpt") s.field("tokens", r.tokens, between(1, 4096));
  if (r.method == "decoder" || r.last_blocks > 0) s.field("views", r.views, between(1, 2));
  if (r.method == "decoder" && !r.decoder)
    s.fail("decoder", "is off, and the method trains nothing else", "write decoder: true");
}

void fields(io::RecipeSection& s, ModelRecipe& r) {
  s.field("image_size", r.image_size, between(0, 16384));
  s.field("classes", r.classes, between(1, 255));
  if (r.classes == 1) {
    s.field("loss", r.loss, one_of({"bce", "iou", "bbce"}));
    s.field("balance_floor", r.balance_floor, between(0, 0.5));
  } else {
    if (r.loss == "iou") r.loss = "ce_dice";
    s.field("loss", r.loss, one_of({"ce", "ce_dice"}));
  }
}

void fields(io::RecipeSection& s, DataRecipe& r, bool binary) {
  auto& set = r.set;
  s.field("layout", set.layout, one_of({"folders", "camouflage", "shadow", "polyp"}));
  std::string root = set.root.string();
  s.field("root", root);
  set.root = root;
  if (set.layout == "folders") {
    s.field("images", set.images);
    s.field("masks", set.masks);
    s.field("image_suffix", set.image_suffix);
    s.field("mask_suffix", set.mask_suffix);
  } else {
    s.field("split", set.split);
  }
  if (set.layout == "polyp") s.field("held_out", set.held_out, at_least(1));
  s.field("only", set.only);
  std::string pairing = set.pairing == cambium::data::Pairing::index ? "index" : "stem";
  s.field("pairing", pairing, one_of({"stem", "index"}));
  set.pairing = pairing == "index" ? cambium::data::Pairing::index : cambium::data::Pairing::stem;
  if (binary) {
    s.field("mask", r.mask, one_of({"binary", "soft"}));
    s.field("grey_masks", r.grey_masks);
  }
  s.field("empty_masks", r.empty_masks);
  s.field("check", set.check);
  s.field("skip_faulty", set.skip_faulty);
  s.field("flip", r.flip, between(0, 1));
  s.field("threads", r.threads, between(0, 256));
}

void fields(io::RecipeSection& s, ValidationRecipe& r, const DataRecipe& data) {
  s.field("share", r.share, between(0, 0.5));
  s.field("root", r.root);
  if (data.set.layout == "folders") {
    s.field("images", r.images);
    s.field("masks", r.masks);
  } else {
    s.field("split", r.split);
  }
  if (data.set.layout == "camouflage") s.field("subsets", r.subsets);
  s.field("metric", r.metric, one_of({"s", "e", "wf", "mae", "ber", "dice", "iou"}));
  s.field("every", r.every, between(1, 1e6));
}

void fields(io::RecipeSection& s, TrainRecipe& r) {
  s.field("epochs", r.epochs, between(1, 1e6));
  s.field("steps", r.steps, at_least(0));
  s.field("batch", r.batch, between(1, 1e5));
  s.field("micro_batch", r.micro_batch, between(0, 1e5));
  fields(s, r.optimizer);
  s.field("lr_min", r.lr_min, at_least(0));
  if (r.lr_min > r.optimizer.lr) s.fail("lr_min", "is above lr", "choose a smaller one; the paper's is 1e-7");
  s.field("schedule", r.schedule, one_of({"cosine", "constant"}));
  s.field("warmup", r.warmup, at_least(0));
  s.field("checkpointing", r.checkpointing);
  fields(s, r.run);
}

}  // namespace

cambium::sam_adapter::PromptGeneratorOptions Recipe::prompts() const {
  return {.scale_factor = peft.scale_factor,
          .rate = peft.freq_nums,
          .adaptor = cambium::sam_adapter::parse_adaptor(peft.adaptor),
          .handcrafted_tune = peft.handcrafted_tune,
          .embedding_tune = peft.embedding_tune,
          .embedding_layout = cambium::sam_adapter::parse_embedding_layout(peft.embedding_layout)};
}

cambium::data::MaskSetOptions Recipe::training_set() const {
  using cambium::data::MaskKind;
  cambium::data::MaskSetOptions set = data.set;
  set.mask = {.kind = model.classes > 1     ? MaskKind::classes
                      : data.mask == "soft" ? MaskKind::soft
                                            : MaskKind::binary,
              .classes = std::max<int64_t>(2, model.classes),
              .empty_masks = data.empty_masks,
              .grey_masks = data.grey_masks};
  set.threads = std::max<int64_t>(1, data.threads);
  return set;
}

cambium::data::MaskSetOptions Recipe::validation_set() const {
  cambium::data::MaskSetOptions set = training_set();
  if (!validation.root.empty()) set.root = validation.root;
  if (!validation.images.empty()) set.images = validation.images;
  if (!validation.masks.empty()) set.masks = validation.masks;
  if (!validation.split.empty()) set.split = validation.split;
  set.subsets = validation.subsets;
  return set;
}

void fields(io::RecipeSection& section, Recipe& recipe) {
  section.field("system", recipe.system, one_of({"sam_adapter"}));
  section.field("compat", recipe.compat, one_of({"none", "official"}));
  if (recipe.official()) set_official(recipe);
  section.field("foundation", recipe.foundation);
  section.section("peft", [&](io::RecipeSection& s) { fields(s, recipe.peft); });
  section.section("model", [&](io::RecipeSection& s) { fields(s, recipe.model); });
  section.section("data", [&](io::RecipeSection& s) { fields(s, recipe.data, recipe.model.classes == 1); });
  section.section("validation", [&](io::RecipeSection& s) { fields(s, recipe.validation, recipe.data); });
  section.section("train", [&](io::RecipeSection& s) { fields(s, recipe.train); });
  const std::string& metric = recipe.validation.metric;
  if (recipe.model.classes > 1 && metric != "dice" && metric != "iou") recipe.validation.metric = "iou";
}

}  // namespace cambium::systems::sam_adapter
