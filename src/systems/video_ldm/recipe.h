#pragma once
// The recipe of a training run of temporal layers over a frozen image model (arXiv 2304.08818; recipes/video_ldm).
#include <cstdint>
#include <string>
#include <vector>

#include "io/recipe.h"
#include "models/video_ldm/options.h"
#include "systems/video_ldm/caption_shares.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/train_recipe.h"

namespace cambium::systems::video_ldm {

struct ModelRecipe {
  std::string mixing = "sigmoid";  // how a place's parameter becomes alpha (models/video_ldm/options.h)
  bool context = false;            // reads given frames; prediction and interpolation have it always

  // `rates`: how many frame rates there are to tell apart.
  cambium::video_ldm::TemporalOptions options(int64_t frames, int64_t rates) const;
};

struct DataRecipe {
  FilmLists films;
  int64_t height = 320, width = 512;  // pixels that frames are cropped and resized to (section 4)
  int64_t frames = 8;                 // of a clip, T; interpolation has 5
  std::vector<double> fps = {2};      // of clips. Several: each clip has one of them, and the model is told which

  FilmSet open() const;
};

struct LossRecipe {
  double min_snr = 0;  // gamma of the weights of Hang et al. 2023; 0: none
};

struct Recipe {
  std::string system = "video_ldm";
  std::string task = "text_to_video";  // or "prediction", "interpolation"
  std::string foundation = "";         // the image model: a file or folder as cambium generate takes it
  std::string start = "";              // temporal layers to begin with: a delta; empty: from nothing
  ModelRecipe model;
  DataRecipe data;
  CaptionShares captions;
  LossRecipe loss;
  // Ours but for the optimizer's kind: the paper's tables are not public.
  TrainRecipe train = {.steps = 100000, .optimizer = {.lr = 1e-4}, .warmup = 10000, .ema = 0.9999};
  int64_t micro_batch = 1;    // train.micro_batch: clips at once
  bool checkpointing = true;  // train.checkpointing: compute activations again in the backward pass

  bool reads_frames() const { return model.context || task != "text_to_video"; }
};

void fields(io::RecipeSection& section, Recipe& recipe);

using LoadedRecipe = io::LoadedRecipe<Recipe>;

}  // namespace cambium::systems::video_ldm
