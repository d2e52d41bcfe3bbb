#include "systems/video_ldm/training_parts.h"

#include "core/error.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr int64_t kRehearsedFilms = 8;

TrainingParts open_with(FilmSet films, const std::filesystem::path& foundation, const Compute& compute,
                        const LatentFilms::Options& options) {
  if (foundation.empty()) {
    throw UsageError({.what = "names no image model",
                      .field = "foundation",
                      .mend = "set it, as --set foundation=v1-5-pruned.safetensors; docs/weights.md says where it is "
                              "published"});
  }
  ImageModel image = open_image_model(foundation, compute);
  auto latents = LatentFilms::make(films, *image.autoencoder, options);
  return {.films = std::move(films), .image = std::move(image), .latents = std::move(latents)};
}

}  // namespace

TrainingParts open_parts(FilmSet films, const std::filesystem::path& foundation, const train::RunOptions& options,
                         const train::Distributed& ranks) {
  return open_with(std::move(films), foundation, options.compute,
                   {.folder = train::rank_folder(options, "latents", ranks)});
}

TrainingParts rehearse_parts(FilmSet films, const std::filesystem::path& foundation, const train::RunOptions& options) {
  return open_with(std::move(films), foundation, options.compute, {.films = kRehearsedFilms});
}

void take_average(torch::nn::Module& module, const io::NamedTensors& average) {
  const at::NoGradGuard guard;
  auto parameters = module.named_parameters();
  for (const auto& [name, tensor] : average) {
    if (at::Tensor* parameter = parameters.find(name)) parameter->copy_(tensor);
  }
}

}  // namespace cambium::systems::video_ldm
