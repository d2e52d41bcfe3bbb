#include "systems/video_ldm/decoder/training.h"

#include "core/error.h"
#include "core/random.h"
#include "io/safetensors.h"
#include "nn/load.h"
#include "systems/video_ldm/decoder/task.h"

namespace cambium::systems::video_ldm::decoder {
namespace {

using cambium::video_ldm::Discriminator;
using cambium::video_ldm::TemporalAutoencoder;

constexpr int64_t kRehearsedFilms = 8;

struct Networks {
  std::shared_ptr<TemporalAutoencoder> model;
  std::shared_ptr<Discriminator> discriminator;
};

Networks make_networks(const Recipe& recipe, const ImageModel& image) {
  Networks out{.model = std::make_shared<TemporalAutoencoder>(image.autoencoder->options()),
               .discriminator = std::make_shared<Discriminator>(recipe.discriminator.options())};
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "temporal decoder"));
  out.model->initialize_from(*image.autoencoder, generator);
  out.discriminator->initialize(generator);
  for (const auto& item : out.model->named_parameters())
    item.value().set_requires_grad(item.key().starts_with("decoder."));
  out.model->to(image.compute.device);
  out.discriminator->to(image.compute.device);
  return out;
}

ImageModel open_foundation(const Recipe& recipe, const Compute& compute) {
  if (recipe.foundation.empty()) {
    throw UsageError({.what = "names no image model", .field = "foundation", .mend = "set it to Stable Diffusion's"});
  }
  return open_image_model(recipe.foundation, compute);
}

void take_average(TemporalAutoencoder& model, const io::NamedTensors& average) {
  const at::NoGradGuard guard;
  auto parameters = model.named_parameters();
  for (const auto& [name, tensor] : average) {
    if (at::Tensor* parameter = parameters.find(name)) parameter->copy_(tensor);
  }
}

}  // namespace

TrainedDecoder train_decoder(const LoadedRecipe& loaded, const ImageModel& image, const FilmSet& films,
                             std::shared_ptr<const LatentFilms> latents, const train::RunOptions& options,
                             const train::Distributed& ranks) {
  const Networks networks = make_networks(loaded.recipe, image);
  train::write_recipe(options, loaded.resolved, ranks);
  DecoderTask task(loaded,
                   {.model = networks.model,
                    .discriminator = networks.discriminator,
                    .films = &films,
                    .latents = std::move(latents)},
                   ranks);
  TrainedDecoder trained{.model = networks.model};
  trained.result = train::run_loop(task, loop_options(loaded.recipe.train, options), ranks);
  take_average(*trained.model, trained.result.average);
  if (options.run.empty()) return trained;
  trained.file = options.run / "decoder.safetensors";
  if (ranks.main()) {
    io::write_safetensors(trained.file, nn::state_tensors(*trained.model),
                          {{"format", "cambium.model"}, {"system", "video_ldm"}, {"recipe", loaded.resolved}},
                          at::kBFloat16);
  }
  return trained;
}

TrainedDecoder train_decoder(const LoadedRecipe& loaded, const train::RunOptions& options,
                             const train::Distributed& ranks) {
  train::check_run_folder({.run = options.run, .seed = loaded.recipe.train.run.seed, .resume = options.resume}, ranks);
  const FilmSet films = loaded.recipe.data.open();
  const ImageModel image = open_foundation(loaded.recipe, options.compute);
  auto latents =
      LatentFilms::make(films, *image.autoencoder, {.folder = train::rank_folder(options, "latents", ranks)});
  return train_decoder(loaded, image, films, std::move(latents), options, ranks);
}

train::DryRunReport dry_run_decoder(const LoadedRecipe& loaded, const train::RunOptions& options,
                                    const train::Distributed& ranks) {
  const FilmSet films = loaded.recipe.data.open();
  const ImageModel image = open_foundation(loaded.recipe, options.compute);
  const Networks networks = make_networks(loaded.recipe, image);
  DecoderTask task(loaded,
                   {.model = networks.model,
                    .discriminator = networks.discriminator,
                    .films = &films,
                    .latents = LatentFilms::make(films, *image.autoencoder, {.films = kRehearsedFilms})},
                   ranks);
  return train::dry_run(task, loop_options(loaded.recipe.train, options), ranks);
}

}  // namespace cambium::systems::video_ldm::decoder
