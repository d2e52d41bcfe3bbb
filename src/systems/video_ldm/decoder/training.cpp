#include "systems/video_ldm/decoder/training.h"

#include "core/random.h"
#include "io/safetensors.h"
#include "nn/load.h"
#include "systems/video_ldm/decoder/task.h"
#include "systems/video_ldm/training_parts.h"

namespace cambium::systems::video_ldm::decoder {
namespace {

using cambium::video_ldm::Discriminator;
using cambium::video_ldm::TemporalAutoencoder;

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
  TrainingParts parts = open_parts(loaded.recipe.data.open(), loaded.recipe.foundation, options, ranks);
  return train_decoder(loaded, parts.image, parts.films, std::move(parts.latents), options, ranks);
}

train::DryRunReport dry_run_decoder(const LoadedRecipe& loaded, const train::RunOptions& options,
                                    const train::Distributed& ranks) {
  const TrainingParts parts = rehearse_parts(loaded.recipe.data.open(), loaded.recipe.foundation, options);
  const Networks networks = make_networks(loaded.recipe, parts.image);
  DecoderTask task(loaded,
                   {.model = networks.model,
                    .discriminator = networks.discriminator,
                    .films = &parts.films,
                    .latents = parts.latents},
                   ranks);
  return train::dry_run(task, loop_options(loaded.recipe.train, options), ranks);
}

}  // namespace cambium::systems::video_ldm::decoder
