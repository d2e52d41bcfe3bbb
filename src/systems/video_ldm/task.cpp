#include "systems/video_ldm/task.h"

#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "models/video_ldm/context.h"
#include "nn/load.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr int64_t kJudged = 32;     // held-out clips an evaluation looks at
constexpr double kNoContext = 0.1;  // share of interpolation's clips without given frames, for guidance: ours

ClipOptions clip_options(const Recipe& recipe, const train::Distributed& ranks) {
  return {.frames = recipe.data.frames,
          .strides = strides(recipe.data),
          .seed = mix_seed(recipe.train.run.seed, "clips", static_cast<uint64_t>(ranks.rank()))};
}

std::vector<int64_t> rows_of(const std::vector<Clip>& clips) {
  std::vector<int64_t> rows;
  for (const Clip& clip : clips) rows.insert(rows.end(), clip.rows.begin(), clip.rows.end());
  return rows;
}

}  // namespace

std::vector<int64_t> strides(const DataRecipe& recipe) {
  const double most = *std::max_element(recipe.fps.begin(), recipe.fps.end());
  std::vector<int64_t> out;
  for (const double rate : recipe.fps) out.push_back(std::llround(most / rate));
  return out;
}

TemporalTask::TemporalTask(const LoadedRecipe& loaded, Parts parts, const train::Distributed& ranks)
    : loaded_(loaded),
      parts_(std::move(parts)),
      schedule_(parts_.scheduler.noise),
      order_(*parts_.latents, parts_.train, clip_options(loaded.recipe, ranks)),
      rng_(mix_seed(loaded.recipe.train.run.seed, "conditions", static_cast<uint64_t>(ranks.rank()))),
      device_(parts_.layers->parameters().front().device()) {}

std::vector<train::OptimizerSet> TemporalTask::optimizers() {
  return {optimizer_set(checkpoint_tensors(), loaded_.recipe.train, train::Decay::constant)};
}

// S leading frames (section 3.2), both ends (section 3.2.1), or none at all.
at::Tensor TemporalTask::draw_masks(int64_t clips, Rng& rng) const {
  const Recipe& recipe = loaded_.recipe;
  if (!recipe.model.context) return {};
  if (recipe.task == "interpolation")
    return cambium::video_ldm::draw_ends_masks(clips, recipe.data.frames, kNoContext, rng);
  constexpr int64_t kMost = 2;
  return cambium::video_ldm::draw_leading_masks(clips, recipe.data.frames, kMost, rng);
}

ClipBatch TemporalTask::batch_of(const std::vector<Clip>& clips, at::Tensor latents, const CaptionShares& shares,
                                 Rng& rng) const {
  const auto count = static_cast<int64_t>(clips.size());
  std::vector<int64_t> films, rates;
  for (const Clip& clip : clips) {
    films.push_back(clip.film);
    rates.push_back(clip.rate);
  }
  ClipBatch batch{.latents = latents.unflatten(0, {count, -1}).to(device_),
                  .text = parts_.texts->draw(films, shares, rng).to(device_),
                  .masks = draw_masks(count, rng)};
  if (batch.masks.defined()) batch.masks = batch.masks.to(device_);
  if (parts_.layers->options().frame_rates > 0) batch.rates = at::tensor(rates, at::kLong).to(device_);
  return batch;
}

ClipBatch TemporalTask::next_batch(const train::StepContext& context) {
  const std::vector<Clip> clips = order_.next(loaded_.recipe.micro_batch);
  return batch_of(clips, parts_.latents->sample(rows_of(clips), context.generator), loaded_.recipe.captions, rng_);
}

at::Tensor TemporalTask::error(const ClipBatch& batch, const at::Tensor& timesteps, const at::Tensor& noise) {
  cambium::video_ldm::VideoInputs inputs{
      .frames = batch.latents.size(1), .text = batch.text, .frame_rates = batch.rates};
  if (batch.masks.defined()) inputs.context = cambium::video_ldm::context_frames(batch.latents, batch.masks);
  denoiser_.emplace(parts_.unet, parts_.layers, inputs);
  const latent_diffusion::DenoisingBatch drawn{.clean = batch.latents, .noise = noise, .timesteps = timesteps};
  const at::Tensor output = (*denoiser_)(schedule_.add_noise(drawn.clean, drawn.noise, timesteps), timesteps);
  const double gamma = loaded_.recipe.loss.min_snr;
  return latent_diffusion::denoising_loss(
      output, drawn, schedule_,
      {.prediction = parts_.scheduler.prediction, .min_snr_gamma = gamma > 0 ? std::optional(gamma) : std::nullopt});
}

train::Loss TemporalTask::loss(const ClipBatch& batch, const train::StepContext& context, size_t) {
  const at::Tensor timesteps =
      latent_diffusion::draw_timesteps(batch.latents.size(0), schedule_, context.generator).to(device_);
  const at::Tensor noise = at::randn(batch.latents.sizes(), context.generator).to(device_);
  return {.value = error(batch, timesteps, noise)};
}

train::Scalars TemporalTask::evaluate(const train::StepContext&) {
  train::Scalars scalars;
  const int64_t stride = strides(loaded_.recipe.data).front(), frames = loaded_.recipe.data.frames;
  std::vector<Clip> clips;
  for (const LatentFilms::Span& span : parts_.latents->spans()) {
    const bool fits = span.frames >= clip_length(frames, stride) &&
                      std::find(parts_.held_out.begin(), parts_.held_out.end(), span.film) != parts_.held_out.end();
    if (fits && std::ssize(clips) < kJudged) clips.push_back(clip_at(span, 0, frames, stride));
  }
  if (clips.empty()) return scalars;
  // The same captions, masks, timesteps and noise at every evaluation, so that their losses can be compared.
  Rng rng(0);
  at::Generator generator = make_generator(0);
  double sum = 0;
  for (size_t i = 0; i < clips.size(); ++i) {
    const ClipBatch batch = batch_of({clips[i]}, parts_.latents->mean(clips[i].rows), {.name = 0, .subgroup = 1}, rng);
    const at::Tensor timestep = at::full({1}, (i + 0.5) / clips.size() * schedule_.timesteps(), at::kLong);
    sum += error(batch, timestep.to(device_), at::randn(batch.latents.sizes(), generator).to(device_)).item<double>();
  }
  scalars.set("loss", sum / static_cast<double>(clips.size()));
  return scalars;
}

train::Samples TemporalTask::samples(const train::StepContext& context) {
  return parts_.samples ? parts_.samples->make(context.step, loaded_.recipe.train.run.seed) : train::Samples{};
}

train::NamedTensors TemporalTask::checkpoint_tensors() { return nn::state_tensors(*parts_.layers); }

std::map<std::string, std::string> TemporalTask::checkpoint_metadata() {
  return {{"format", "cambium.model"},
          {"system", "video_ldm"},
          {"foundation.architecture", parts_.foundation.architecture},
          {"foundation.fingerprint", parts_.foundation.fingerprint}};
}

nlohmann::json TemporalTask::data_state() const { return {{"clips", order_.state()}, {"conditions", rng_.state()}}; }

void TemporalTask::restore_data(const nlohmann::json& state) {
  const auto clips = state.find("clips"), conditions = state.find("conditions");
  if (clips == state.end() || conditions == state.end() || !conditions->is_string()) {
    throw Error({.what = "the saved position is not one of clips", .mend = "start the run anew"});
  }
  order_.restore(*clips);
  rng_.set_state(conditions->get<std::string>());
}

int64_t TemporalTask::total_parameters() {
  return io::count_elements(checkpoint_tensors()) + io::count_elements(nn::state_tensors(*parts_.unet));
}

int64_t TemporalTask::micro_batch_bytes() const {
  return loaded_.recipe.micro_batch * loaded_.recipe.data.frames * static_cast<int64_t>(sizeof(float)) *
         parts_.latents->mean({0}).numel();
}

}  // namespace cambium::systems::video_ldm
