#include "systems/video_ldm/foundation/image_task.h"

#include <ATen/ops/linspace.h>
#include <ATen/ops/randn.h>

#include "core/error.h"
#include "nn/load.h"
#include "systems/video_ldm/foundation/finished_weights.h"
#include "systems/video_ldm/foundation/image_samples.h"
#include "systems/video_ldm/pictures.h"

namespace cambium::systems::video_ldm::foundation {
namespace {

constexpr int64_t kShown = 16;  // pictures a sample sheet

std::vector<int64_t> rows_of(const ImageTask::Parts& parts, FilmSplit split) {
  std::vector<int64_t> rows;
  for (const LatentFilms::Span& span : parts.latents->spans()) {
    if (parts.films[static_cast<size_t>(span.film)].split != split) continue;
    for (int64_t i = 0; i < span.frames; ++i) rows.push_back(span.begin + i);
  }
  return rows;
}

}  // namespace

Networks::Networks(std::shared_ptr<latent_diffusion::UNet> unet_in, std::shared_ptr<clip::TextTransformer> text_in)
    : unet(register_module("unet", std::move(unet_in))), text(register_module("text_encoder", std::move(text_in))) {}

latent_diffusion::SchedulerOptions image_scheduler() {
  return {.noise = {.curve = latent_diffusion::BetaCurve::cosine},
          .prediction = latent_diffusion::Prediction::velocity,
          .spacing = latent_diffusion::Spacing::trailing,
          .steps_offset = 0};
}

ImageTask::ImageTask(const ImageRecipe& recipe, Parts parts, const train::Distributed& ranks)
    : recipe_(recipe),
      parts_(std::move(parts)),
      schedule_(image_scheduler().noise),
      order_(rows_of(parts_, FilmSplit::train), recipe.train, ranks),
      rng_(mix_seed(recipe.train.run.seed, "captions", static_cast<uint64_t>(ranks.rank()))),
      device_(parts_.model->parameters().front().device()) {
  for (const LatentFilms::Span& span : parts_.latents->spans())
    film_of_row_.resize(span.begin + span.frames, span.film);
}

std::vector<train::OptimizerSet> ImageTask::optimizers() {
  return {optimizer_set(checkpoint_tensors(), recipe_.train, train::Decay::cosine)};
}

ImageBatch ImageTask::next_batch(const train::StepContext& context) {
  const std::vector<int64_t> rows = order_.next();
  std::vector<int64_t> films;
  for (const int64_t row : rows) films.push_back(film_of_row_[static_cast<size_t>(row)]);
  return {.latents = parts_.latents->sample(rows, context.generator).to(device_),
          .ids = parts_.captions->draw(films, recipe_.captions, rng_).to(device_)};
}

at::Tensor ImageTask::error(const ImageBatch& batch, const latent_diffusion::DenoisingBatch& drawn) {
  const at::Tensor noisy = schedule_.add_noise(drawn.clean, drawn.noise, drawn.timesteps);
  const at::Tensor context = parts_.model->text->forward_tokens(batch.ids, at::kFloat);  // [B, 77, W]
  const at::Tensor output = parts_.model->unet->forward(noisy, drawn.timesteps.to(at::kFloat), context);
  return latent_diffusion::denoising_loss(output, drawn, schedule_, {.prediction = image_scheduler().prediction});
}

train::Loss ImageTask::loss(const ImageBatch& batch, const train::StepContext& context, size_t) {
  const at::Tensor timesteps =
      latent_diffusion::draw_timesteps(batch.latents.size(0), schedule_, context.generator).to(device_);
  const at::Tensor noise = at::randn(batch.latents.sizes(), context.generator).to(device_);
  return {.value = error(batch, {.clean = batch.latents, .noise = noise, .timesteps = timesteps})};
}

train::Scalars ImageTask::evaluate(const train::StepContext&) {
  train::Scalars scalars;
  const std::vector<int64_t> rows = spread(rows_of(parts_, FilmSplit::held_out), 256);
  if (rows.empty()) return scalars;
  std::vector<int64_t> films;
  for (const int64_t row : rows) films.push_back(film_of_row_[static_cast<size_t>(row)]);
  Rng rng(0);
  const ImageBatch batch{.latents = parts_.latents->mean(rows).to(device_),
                         .ids = parts_.captions->draw(films, {.name = 0, .subgroup = 1}, rng).to(device_)};
  // The same timesteps and noise at every evaluation, so that their losses can be compared.
  const at::Tensor timesteps =
      at::linspace(0, schedule_.timesteps() - 1, static_cast<int64_t>(rows.size())).round().to(at::kLong);
  const at::Tensor noise = at::randn(batch.latents.sizes(), make_generator(0));
  scalars.set("loss",
              error(batch, {.clean = batch.latents, .noise = noise.to(device_), .timesteps = timesteps.to(device_)}));
  return scalars;
}

train::Samples ImageTask::samples(const train::StepContext& context) {
  std::vector<int64_t> films;
  for (const LatentFilms::Span& span : parts_.latents->spans()) {
    if (parts_.films[static_cast<size_t>(span.film)].split == FilmSplit::train) films.push_back(span.film);
  }
  const std::vector<int64_t> shown = spread(films, kShown);
  const at::Tensor pictures =
      sample_images(*parts_.model, *parts_.autoencoder, parts_.captions->names(shown).to(device_),
                    parts_.captions->none().to(device_), parts_.latents->mean({0}).sizes().slice(1), context.generator);
  std::string words;
  for (const int64_t film : shown) words += parts_.films[static_cast<size_t>(film)].caption + "; ";
  return {.pictures = {sample_picture("samples", pictures, 8)}, .texts = {{"captions", words}}};
}

train::NamedTensors ImageTask::checkpoint_tensors() { return nn::state_tensors(*parts_.model); }

nlohmann::json ImageTask::data_state() const { return {{"order", order_.state()}, {"captions", rng_.state()}}; }

void ImageTask::restore_data(const nlohmann::json& state) {
  const auto order = state.find("order"), captions = state.find("captions");
  if (order == state.end() || captions == state.end() || !captions->is_string()) {
    throw Error({.what = "the saved position is not one of a foundation's frames", .mend = "start the run anew"});
  }
  order_.restore(*order);
  rng_.set_state(captions->get<std::string>());
}

int64_t ImageTask::total_parameters() { return io::count_elements(checkpoint_tensors()); }

int64_t ImageTask::micro_batch_bytes() const {
  return order_.batch() * static_cast<int64_t>(sizeof(float)) * parts_.latents->mean({0}).numel();
}

}  // namespace cambium::systems::video_ldm::foundation
