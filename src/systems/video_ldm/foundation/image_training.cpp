#include "core/error.h"
#include "core/random.h"
#include "models/clip/weights.h"
#include "models/latent_diffusion/weights_writer.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/foundation/finished_weights.h"
#include "systems/video_ldm/foundation/image_task.h"
#include "systems/video_ldm/foundation/training.h"

namespace cambium::systems::video_ldm::foundation {
namespace {

latent_diffusion::Weights open_autoencoder(const ImageRecipe& recipe) {
  if (recipe.autoencoder.empty()) {
    throw UsageError({.what = "names no autoencoder",
                      .field = "autoencoder",
                      .mend = "set it to the folder model/ of a run of foundation_autoencoder.yaml"});
  }
  return latent_diffusion::read_weights(recipe.autoencoder);
}

constexpr int64_t kRehearsedFilms = 8;

struct Prepared {
  latent_diffusion::Weights autoencoder;
  ImageTask::Parts parts;
  std::unique_ptr<ImageTask> task;
};

Prepared prepare(const ImageRecipe& recipe, const train::RunOptions& options, const train::Distributed& ranks,
                 bool rehearse) {
  const FilmSet films = recipe.data.open();
  Prepared prepared{.autoencoder = open_autoencoder(recipe), .parts = {.films = films.films()}};
  ImageTask::Parts& parts = prepared.parts;
  parts.autoencoder = latent_diffusion::open_autoencoder(prepared.autoencoder, {.device = options.compute.device});
  for (auto& parameter : parts.autoencoder->parameters()) parameter.set_requires_grad(false);
  parts.latents =
      LatentFilms::make(films, *parts.autoencoder,
                        {.folder = rehearse ? std::filesystem::path() : train::rank_folder(options, "latents", ranks),
                         .films = rehearse ? kRehearsedFilms : 0});
  const clip::TextTransformerOptions text = recipe.text.options();
  parts.model = std::make_shared<Networks>(std::make_shared<latent_diffusion::UNet>(recipe.model.options(
                                               parts.autoencoder->options().latent_channels, text.width)),
                                           std::make_shared<clip::TextTransformer>(text));
  parts.captions = std::make_shared<CaptionTable>(
      parts.films, latent_diffusion::TextEncoder(parts.model->text, latent_diffusion::kClipPad, at::kFloat));
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "weights"));
  parts.model->unet->initialize(generator);
  parts.model->text->initialize(generator);
  parts.model->to(options.compute.device);
  parts.model->unet->set_compute_dtype(options.compute.compute_dtype);
  prepared.task = std::make_unique<ImageTask>(recipe, parts, ranks);
  return prepared;
}

}  // namespace

TrainedImageModel train_image_model(const io::LoadedRecipe<ImageRecipe>& loaded, const train::RunOptions& options,
                                    const train::Distributed& ranks) {
  const train::LoopOptions loop = loop_options(loaded.recipe.train, options);
  train::check_run_folder(loop, ranks);
  const Prepared prepared = prepare(loaded.recipe, options, ranks, /*rehearse=*/false);
  train::write_recipe(options, loaded.resolved, ranks);
  TrainedImageModel trained{.result = train::run_loop(*prepared.task, loop, ranks)};
  if (options.run.empty() || !ranks.main()) return trained;

  const Networks& model = *prepared.parts.model;
  const io::StateDict rounded{.tensors = finish(*prepared.parts.model, trained.result.average)};
  io::StateDict text;
  for (const auto& [name, tensor] : clip::tower_state(rounded, "text_encoder.").tensors)
    text.tensors.emplace_back("textual." + name, tensor);
  latent_diffusion::Weights weights = prepared.autoencoder;
  weights.unet = {.options = model.unet->options(), .state = clip::tower_state(rounded, "unet.")};
  weights.text = {.options = model.text->options(), .state = text, .pad = latent_diffusion::kClipPad};
  weights.scheduler = image_scheduler();
  latent_diffusion::write_diffusers_folder(options.run / "model", weights, at::kBFloat16);
  trained.file = options.run / "model" / "model_index.json";
  return trained;
}

train::DryRunReport dry_run_image_model(const io::LoadedRecipe<ImageRecipe>& loaded, const train::RunOptions& options,
                                        const train::Distributed& ranks) {
  const Prepared prepared = prepare(loaded.recipe, options, ranks, /*rehearse=*/true);
  return train::dry_run(*prepared.task, loop_options(loaded.recipe.train, options), ranks);
}

}  // namespace cambium::systems::video_ldm::foundation
