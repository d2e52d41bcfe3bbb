#pragma once
// The recipe of a temporal decoder: the image decoder fine-tuned on whole clips, against a discriminator of videos
// (arXiv 2304.08818, section 3.2.2; recipes/video_ldm/temporal_decoder.yaml).
#include <cstdint>
#include <string>
#include <vector>

#include "models/video_ldm/discriminator.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/train_recipe.h"

namespace cambium::systems::video_ldm::decoder {

struct Recipe {
  struct Data {
    FilmLists films;
    int64_t height = 320, width = 512;  // pixels
    int64_t frames = 8;                 // of a clip
    double fps = 8;
    // Standard deviation of noise added to scaled latents, as those that a diffusion model makes are never quite clean;
    // 0: none. Ours.
    double latent_noise = 0;

    FilmSet open() const;
  };
  struct Discriminator {
    std::vector<double> widths = {64, 128, 256};
    int64_t norm_groups = 32;
    double weight = 0.5;  // of the adversarial loss, beside the adaptive one
    int64_t from = 0;     // steps until it learns, and the decoder heeds it

    cambium::video_ldm::DiscriminatorOptions options() const;
  };
  std::string system = "video_ldm", task = "temporal_decoder";
  std::string foundation = "";  // the image model whose decoder is fine-tuned
  Data data;
  Discriminator discriminator;
  // Ours but for the optimizer's betas, latent diffusion's; one rate for both networks.
  TrainRecipe train = {.steps = 20000,
                       .batch = 4,
                       .optimizer = {.lr = 1e-4, .beta1 = 0.5, .beta2 = 0.9, .weight_decay = 0},
                       .warmup = 500,
                       .ema = 0.999};
};

void fields(io::RecipeSection& section, Recipe& recipe);
using LoadedRecipe = io::LoadedRecipe<Recipe>;

}  // namespace cambium::systems::video_ldm::decoder
