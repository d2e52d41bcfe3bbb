#pragma once
// What every training over a frozen image model begins and ends with.
#include <torch/nn/module.h>

#include <filesystem>
#include <memory>

#include "io/state_dict.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/image_model.h"
#include "systems/video_ldm/latent_films.h"
#include "train/distributed.h"
#include "train/run_options.h"

namespace cambium::systems::video_ldm {

struct TrainingParts {
  FilmSet films;
  ImageModel image;
  std::shared_ptr<const LatentFilms> latents;
};

// Opens the image model, and encodes the films once, into the run folder. UsageError where `foundation` is empty;
// errors as open_image_model.
TrainingParts open_parts(FilmSet films, const std::filesystem::path& foundation, const train::RunOptions& options,
                         const train::Distributed& ranks);
// For a dry run: some films alone, in memory.
TrainingParts rehearse_parts(FilmSet films, const std::filesystem::path& foundation, const train::RunOptions& options);

// The loop's averaged weights, by the names of the module's parameters, in the place of the last ones; names that the
// module lacks are left out.
void take_average(torch::nn::Module& module, const io::NamedTensors& average);

}  // namespace cambium::systems::video_ldm
