#pragma once
// The recipes of a small image foundation, trained from nothing on the frames of short films: first its autoencoder,
// then a latent diffusion model of single frames with its text encoder (recipes/video_ldm/foundation_*.yaml).
#include <cstdint>
#include <string>
#include <vector>

#include "io/recipe.h"
#include "models/clip/options.h"
#include "models/latent_diffusion/options.h"
#include "systems/video_ldm/caption_shares.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/train_recipe.h"

namespace cambium::systems::video_ldm::foundation {

struct FramesRecipe {
  FilmLists films;     // by default the prepared animations of the cache
  int64_t size = 64;   // pixels, square
  double fps = 23.81;  // frames a second that are taken of each film: the animations' own rate

  FilmSet open() const;
};

struct AutoencoderRecipe {
  struct Model {
    std::vector<double> channels = {16, 48, 96, 96};  // one a level; each but the last halves the sides
    int64_t layers = 1;                               // residual blocks a level
    int64_t latent_channels = 8;
    int64_t norm_groups = 8;
    bool middle_attention = true;

    latent_diffusion::AutoencoderOptions options() const;
  };
  // Weights of the loss' terms, each a mean over elements.
  struct Loss {
    double l1 = 1, mse = 1;
    double gradient = 0.5;  // L1 between the differences of neighbouring pixels
    double kl = 1e-3;
  };
  std::string system = "video_ldm", task = "foundation_autoencoder";
  Model model;
  FramesRecipe data;
  Loss loss;
  TrainRecipe train = {.batch = 8, .optimizer = {.lr = 2e-3, .grad_clip = 1}};
};

struct ImageRecipe {
  struct Model {
    std::vector<double> channels = {96, 144};  // one a level, with a transformer at each
    int64_t layers = 1;                        // residual blocks a level
    int64_t heads = 4;
    int64_t norm_groups = 16;

    latent_diffusion::UNetOptions options(int64_t latent_channels, int64_t context_width) const;
  };
  // CLIP's text transformer, trained with the U-Net.
  struct Text {
    int64_t width = 32, layers = 2, heads = 2;

    clip::TextTransformerOptions options() const;
  };
  std::string system = "video_ldm", task = "foundation_image";
  std::string autoencoder = "";  // the folder of a run of foundation_autoencoder, or of a model: its vae/ is read
  Model model;
  Text text;
  FramesRecipe data;
  CaptionShares captions = {.name = 0.35, .subgroup = 0.4};
  TrainRecipe train = {.optimizer = {.lr = 1e-3, .grad_clip = 1}};
};

void fields(io::RecipeSection& section, AutoencoderRecipe& recipe);
void fields(io::RecipeSection& section, ImageRecipe& recipe);

}  // namespace cambium::systems::video_ldm::foundation
