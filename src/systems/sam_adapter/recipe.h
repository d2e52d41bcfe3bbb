#pragma once
// The recipe of a run that adapts Segment Anything to masks of one's own: SAM-Adapter (Chen et al. 2023, arXiv
// 2304.09148) and the other ways to adapt the same frozen encoder. The defaults are the paper's where they are sane;
// recipes/sam_adapter/ holds the published experiments.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/masks/layouts.h"
#include "io/recipe.h"
#include "models/sam_adapter/loss.h"
#include "models/sam_adapter/prompt_generator.h"
#include "train/recipe.h"

namespace cambium::systems::sam_adapter {

// How the frozen image encoder is adapted.
struct PeftRecipe {
  // adapter: SAM-Adapter's prompts. lora, conv_lora: low-rank terms beside linear layers. vpt: learned tokens that
  // every block attends to. bitfit: the biases. decoder: nothing but the mask decoder is trained, on cached embeddings.
  std::string method = "adapter";
  bool decoder = true;  // train the mask decoder, as the paper does
  // adapter
  int64_t scale_factor = 32;
  double freq_nums = 0.25;  // share of the spectrum that the high-pass filter removes
  std::string adaptor = "lightweight";
  bool handcrafted_tune = true, embedding_tune = true;
  std::string embedding_layout = "natural";
  // lora, conv_lora
  int64_t rank = 4;
  double alpha = 4;  // the term is scaled by alpha / rank
  std::vector<std::string> targets = {"image_encoder.blocks.*.attn.qkv"};
  std::string qkv = "qv";  // which of a packed projection's parts get a term of their own (SAMed: qv); "": one for all
  int64_t experts = 4;     // conv_lora
  int64_t last_blocks =
      0;  // lora, bitfit: only the last ones; the frozen ones before them are computed once and cached. 0: all
  // vpt
  int64_t tokens = 10;  // a block
  int64_t views = 2;    // cached features: 1: without augmentation; 2: with the flipped pictures
};

struct ModelRecipe {
  int64_t image_size = 0;       // pixels, square; 0: the foundation's
  int64_t classes = 1;          // 1: binary masks. More: labels 0 .. classes - 1, background included
  std::string loss = "iou";     // bce, iou, bbce; several classes: ce, ce_dice
  double balance_floor = 0.01;  // bbce: the share of fore- and background is taken for at least this
};

// Where the masks come from, for training and for validation.
struct DataRecipe {
  cambium::data::MaskSetOptions set = {};
  std::string mask = "binary";  // binary, soft
  bool empty_masks = false, grey_masks = false;
  double flip = 0.5;    // chance of a horizontal flip
  int64_t threads = 2;  // that decode
};

struct ValidationRecipe {
  // The part of the training set, by every n-th pair, that is held out for validation where `data` names no other set.
  // 0: none.
  double share = 0;
  std::string root = "", images = "", masks = "", split = "";  // another set of the same layout
  std::vector<std::string> subsets = {};
  std::string metric = "s";  // best.safetensors is the delta with the best: s, e, wf, mae, ber, dice, iou
  int64_t every = 1;         // epochs
};

struct TrainRecipe {
  int64_t epochs = 20;
  int64_t steps = 0;        // instead of epochs, if positive
  int64_t batch = 2;        // pictures a step, over all ranks
  int64_t micro_batch = 1;  // pictures computed at once on a rank; 0: all
  train::OptimizerRecipe optimizer = {.lr = 2e-4, .weight_decay = 0.01};
  double lr_min = 1e-7;
  std::string schedule = "cosine";  // per epoch, as the original's
  int64_t warmup = 0;               // steps
  bool checkpointing = true;        // recompute activations in the backward pass, block by block
  train::RunRecipe run = {.log_every = 10, .checkpoint_every = 0, .keep = 2};  // checkpoint_every 0: each epoch
};

struct Recipe {
  std::string system = "sam_adapter";
  // official: everything that the released code does, its defects included, so that its numbers come out.
  std::string compat = "none";
  std::string foundation = "";  // a SAM: sam_vit_*.pth, or safetensors
  PeftRecipe peft;
  ModelRecipe model;
  DataRecipe data;
  ValidationRecipe validation;
  TrainRecipe train;

  bool official() const { return compat == "official"; }
  cambium::sam_adapter::MaskLoss loss() const { return cambium::sam_adapter::parse_mask_loss(model.loss); }
  cambium::sam_adapter::PromptGeneratorOptions prompts() const;
  cambium::data::MaskSetOptions training_set() const;
  // Of another set than the training set.
  cambium::data::MaskSetOptions validation_set() const;
  bool validates() const { return validation.share > 0 || has_validation_set(); }
  bool has_validation_set() const {
    return !validation.root.empty() || !validation.images.empty() || !validation.split.empty();
  }
};

// Reads every section; errors carry line and column.
void fields(io::RecipeSection& section, Recipe& recipe);

using LoadedRecipe = io::LoadedRecipe<Recipe>;

}  // namespace cambium::systems::sam_adapter
