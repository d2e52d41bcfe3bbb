#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "core/random.h"
#include "data/clips/clip.h"
#include "models/latent_diffusion/weights_writer.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/foundation/autoencoder_task.h"
#include "systems/video_ldm/foundation/finished_weights.h"
#include "systems/video_ldm/foundation/training.h"
#include "systems/video_ldm/pictures.h"

namespace cambium::systems::video_ldm::foundation {
namespace {

using latent_diffusion::Autoencoder;

constexpr int64_t kJudged = 256;  // frames of each split that the weights are judged by

// Every frame of every film, and which of them are of films that the diffusion models never see.
struct Frames {
  at::Tensor pixels;  // u8 [N, 3, S, S]
  std::vector<int64_t> train = {}, held_out = {};
};

Frames read_frames(const FramesRecipe& recipe) {
  const FilmSet films = recipe.open();
  Frames frames;
  std::vector<at::Tensor> parts;
  int64_t row = 0;
  for (size_t film = 0; film < films.films().size(); ++film) {
    parts.push_back(films.frames(static_cast<int64_t>(film)));
    auto& rows = films.films()[film].split == FilmSplit::train ? frames.train : frames.held_out;
    for (int64_t i = 0; i < parts.back().size(0); ++i) rows.push_back(row++);
  }
  frames.pixels = at::cat(parts);
  return frames;
}

at::Tensor rows(const at::Tensor& frames, const std::vector<int64_t>& rows) {
  return frames.index_select(0, at::tensor(rows, at::kLong));
}

std::vector<int64_t> all_rows(const Frames& frames) {
  std::vector<int64_t> all = frames.train;
  all.insert(all.end(), frames.held_out.begin(), frames.held_out.end());
  return all;
}

// 1 / the standard deviation of latents as training draws them.
double scaling_factor(Autoencoder& model, const at::Tensor& frames) {
  const at::NoGradGuard guard;
  const c10::Device device = model.parameters().front().device();
  std::vector<at::Tensor> means, variances;
  for (const at::Tensor& some : frames.split(32)) {
    const latent_diffusion::Posterior posterior = model.encode(data::to_signed_unit(some.to(device)));
    means.push_back(posterior.mean);
    variances.push_back(posterior.logvar.exp());
  }
  return 1 / std::sqrt(at::cat(means).var().item<double>() + at::cat(variances).mean().item<double>());
}

struct Prepared {
  Frames frames;
  std::shared_ptr<Autoencoder> model;
  std::unique_ptr<AutoencoderTask> task;
};

Prepared prepare(const AutoencoderRecipe& recipe, const train::RunOptions& options, const train::Distributed& ranks) {
  Prepared prepared{.frames = read_frames(recipe.data), .model = std::make_shared<Autoencoder>(recipe.model.options())};
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "weights"));
  prepared.model->initialize(generator);
  prepared.model->to(options.compute.device);
  const Frames& frames = prepared.frames;
  prepared.task = std::make_unique<AutoencoderTask>(
      recipe, prepared.model, frames.pixels, spread(frames.held_out.empty() ? frames.train : frames.held_out, kJudged),
      FrameOrder(all_rows(frames), recipe.train, ranks));
  return prepared;
}

}  // namespace

TrainedAutoencoder train_autoencoder(const io::LoadedRecipe<AutoencoderRecipe>& loaded,
                                     const train::RunOptions& options, const train::Distributed& ranks) {
  const AutoencoderRecipe& recipe = loaded.recipe;
  const train::LoopOptions loop = loop_options(recipe.train, options);
  train::check_run_folder(loop, ranks);
  Prepared prepared = prepare(recipe, options, ranks);
  train::write_recipe(options, loaded.resolved, ranks);
  TrainedAutoencoder trained{.result = train::run_loop(*prepared.task, loop, ranks)};

  Autoencoder& model = *prepared.model;
  const io::NamedTensors rounded = finish(model, trained.result.average);
  const Frames& frames = prepared.frames;
  trained.psnr = reconstruction_psnr(model, rows(frames.pixels, spread(frames.train, kJudged)));
  if (!frames.held_out.empty())
    trained.psnr_held_out = reconstruction_psnr(model, rows(frames.pixels, spread(frames.held_out, kJudged)));
  latent_diffusion::AutoencoderOptions described = model.options();
  described.scaling_factor = trained.scaling_factor =
      scaling_factor(model, rows(frames.pixels, spread(frames.train, kJudged)));
  if (options.run.empty() || !ranks.main()) return trained;
  latent_diffusion::write_diffusers_folder(
      options.run / "model",
      {.autoencoder = latent_diffusion::AutoencoderWeights{.options = described, .state = {.tensors = rounded}}});
  trained.file = options.run / "model" / "model_index.json";
  return trained;
}

train::DryRunReport dry_run_autoencoder(const io::LoadedRecipe<AutoencoderRecipe>& loaded,
                                        const train::RunOptions& options, const train::Distributed& ranks) {
  const Prepared prepared = prepare(loaded.recipe, options, ranks);
  return train::dry_run(*prepared.task, loop_options(loaded.recipe.train, options), ranks);
}

}  // namespace cambium::systems::video_ldm::foundation
