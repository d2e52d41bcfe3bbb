#pragma once
// The recipe of a contrastive training run: MERU (Desai et al. 2023, arXiv 2304.09172), its CLIP baseline and their
// successors. The defaults are the paper's ViT-S run; recipes/meru/ holds the published experiments.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/recipe.h"
#include "models/clip/options.h"
#include "models/meru/loss.h"
#include "train/recipe.h"

namespace cambium::systems::meru {

struct ModelRecipe {
  std::string objective = "meru";  // meru, clip, hycoclip, euclip
  int64_t embed_dim = 512;
  // The image tower: MERU's s, b or l, or custom sizes of the same transformer.
  std::string visual = "s";
  int64_t image_size = 224;                     // pixels, square
  int64_t patch = 16;                           // pixels
  int64_t width = 384, depth = 12, heads = 12;  // of visual: custom
  std::vector<double> conv_stem = {};           // widths of a convolutional stem instead of one patch convolution
  std::string textual = "L12_W512";             // layers, width and optionally heads (L12_W512_A8)
  int64_t context_length = 77;                  // tokens
  double curv_init = 1.0;                       // curvature is -curv
  bool learn_curv = true;
  double entail_weight = 0.2;     // lambda in the paper's section 3.2
  double min_radius = 0.1;        // K in the paper's equation 5
  std::string numerics = "safe";  // safe, or parity: the released code's formulas in float32

  cambium::clip::CLIPOptions clip_options() const;
  cambium::meru::LossOptions loss_options() const;
  bool hyperbolic() const { return objective == "meru" || objective == "hycoclip"; }
};

struct DataRecipe {
  std::string format = "shards";        // shards (webdataset tar), or captions (a table of pictures and texts)
  std::vector<std::string> paths = {};  // shards: files and patterns. captions: one folder
  std::string table = "";             // captions: a CSV, TSV or JSONL file ("": captions.* or metadata.* in the folder)
  std::string image_field = "image";  // captions: column of the picture's path, relative to the folder
  // Where the words come from; several fields are drawn from by weight.
  std::vector<std::string> text_fields = {"caption"};
  std::vector<double> text_weights = {};        // as many as fields; empty: equal
  double subreddit_prefix = 0.5;                // chance of "subreddit words : caption" where a sample has a subreddit
  std::vector<double> crop_scale = {0.5, 1.0};  // area of RandomResizedCrop, as a share of the picture
  std::vector<double> crop_ratio = {0.75, 4.0 / 3.0};  // its width over height
  int64_t shuffle_buffer = 4000;                       // samples
  bool skip_damaged = false;  // go on without damaged shards and bad rows of a table, with a warning
  bool replay_order = false;  // every pass in the first pass's order, as the released code does by accident
  int64_t threads = 2;        // that decode and augment
};

struct TrainRecipe {
  int64_t steps = 120000;
  int64_t batch = 2048;     // pairs a step, over all ranks
  int64_t micro_batch = 0;  // pairs computed at once on a rank; 0: all. Fewer: the same loss by cached features
  int64_t warmup = 4000;    // steps
  std::string schedule = "cosine_squared";
  train::OptimizerRecipe optimizer = {.lr = 5e-4, .beta2 = 0.98, .weight_decay = 0.2};
  // Of norms and biases. The released runs decayed them at 0.2, against their own configuration.
  double gain_bias_decay = 0.0;
  bool checkpointing = false;  // recompute activations in the backward pass: less memory, a third more time
  train::RunRecipe run = {};
};

// How a foundation is adapted.
struct PeftRecipe {
  std::string method =
      "none";         // none: everything is trained; projections: the towers' features are cached; lora: in the towers
  int64_t rank = 8;   // lora
  double alpha = 16;  // lora: the term is scaled by alpha / rank
  std::vector<std::string> targets = {"*.attn.*"};  // lora: patterns of linear layers' names
  int64_t views = 1;                                // projections: augmented views of each pair in the cache

  bool active() const { return method != "none"; }
};

struct Recipe {
  std::string system = "meru";
  std::string foundation = "";  // weights to begin from: any CLIP or MERU that can be opened. Empty: from scratch
  PeftRecipe peft;
  ModelRecipe model;
  DataRecipe data;
  TrainRecipe train;
};

// Reads every section; errors carry line and column.
void fields(io::RecipeSection& section, Recipe& recipe);
// Without `sized`, the sizes are the foundation's, and to give them is an error.
void fields(io::RecipeSection& section, ModelRecipe& recipe, bool sized = true);
void fields(io::RecipeSection& section, PeftRecipe& recipe);
void fields(io::RecipeSection& section, DataRecipe& recipe);
void fields(io::RecipeSection& section, TrainRecipe& recipe);

using LoadedRecipe = io::LoadedRecipe<Recipe>;

}  // namespace cambium::systems::meru
