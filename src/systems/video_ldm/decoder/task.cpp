#include "systems/video_ldm/decoder/task.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include "core/random.h"
#include "data/clips/clip.h"
#include "models/video_ldm/adversarial_loss.h"
#include "models/video_ldm/frames.h"
#include "nn/load.h"

namespace cambium::systems::video_ldm::decoder {
namespace {

ClipOptions clip_options(const Recipe& recipe, const train::Distributed& ranks) {
  return {.frames = recipe.data.frames,
          .seed = mix_seed(recipe.train.run.seed, "clips", static_cast<uint64_t>(ranks.rank()))};
}

train::NamedTensors with_prefix(const std::string& prefix, const train::NamedTensors& tensors) {
  train::NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  return out;
}

// [b * t, 3, H, W] -> [b, 3, t, H, W]
at::Tensor as_videos(const at::Tensor& frames, int64_t length) {
  return cambium::video_ldm::unfold_frames(frames, length).transpose(1, 2);
}

}  // namespace

DecoderTask::DecoderTask(const LoadedRecipe& loaded, Parts parts, const train::Distributed& ranks)
    : loaded_(loaded),
      parts_(std::move(parts)),
      batch_(batch_of_rank(loaded.recipe.train, ranks.world())),
      order_(*parts_.latents, parts_.films->of(FilmSplit::train), clip_options(loaded.recipe, ranks)),
      device_(parts_.discriminator->parameters().front().device()) {}

std::vector<train::OptimizerSet> DecoderTask::optimizers() {
  const auto set = [&](const char* name, const torch::nn::Module& module) {
    train::OptimizerSet made = optimizer_set(with_prefix(std::string(name) + ".", nn::state_tensors(module)),
                                             loaded_.recipe.train, train::Decay::constant);
    made.name = name;
    return made;
  };
  return {set("decoder", *parts_.model->decoder()), set("discriminator", *parts_.discriminator)};
}

DecoderBatch DecoderTask::next_batch(const train::StepContext& context) {
  std::vector<at::Tensor> frames;
  std::vector<int64_t> rows;
  for (const Clip& clip : order_.next(batch_)) {
    std::vector<int64_t> places;
    for (const int64_t row : clip.rows) places.push_back(row - parts_.latents->span_of(clip.film).begin);
    frames.push_back(parts_.films->frames(clip.film).index_select(0, at::tensor(places, at::kLong)));
    rows.insert(rows.end(), clip.rows.begin(), clip.rows.end());
  }
  const double scale = parts_.model->options().scaling_factor;
  at::Tensor latents = parts_.latents->mean(rows);
  if (loaded_.recipe.data.latent_noise > 0)
    latents = latents + loaded_.recipe.data.latent_noise * at::randn(latents.sizes(), context.generator);
  return {.frames = data::to_signed_unit(at::cat(frames)).to(device_), .latents = (latents / scale).to(device_)};
}

train::Loss DecoderTask::decoder_loss(const DecoderBatch& batch, int64_t step) {
  const Recipe::Discriminator& adversary = loaded_.recipe.discriminator;
  const int64_t frames = loaded_.recipe.data.frames;
  const at::Tensor decoded = parts_.model->decode(batch.latents, frames);  // [b * t, 3, H, W]
  decoded_ = decoded.detach();
  const cambium::video_ldm::DecoderLoss loss =
      cambium::video_ldm::decoder_loss(decoded, batch.frames, parts_.discriminator->forward(as_videos(decoded, frames)),
                                       parts_.model->decoder()->time_conv_out()->weight,
                                       {.adversarial = adversary.weight, .factor = adversarial_factor(step)});
  train::Scalars scalars;
  scalars.set("reconstruction", loss.reconstruction);
  scalars.set("adversarial", loss.adversarial);
  scalars.set("weight", loss.weight);
  return {.value = loss.total, .scalars = std::move(scalars)};
}

train::Loss DecoderTask::discriminator_loss(const DecoderBatch& batch, int64_t step) {
  const int64_t frames = loaded_.recipe.data.frames;
  const at::Tensor hinge =
      cambium::video_ldm::hinge_loss(parts_.discriminator->forward(as_videos(batch.frames, frames)),
                                     parts_.discriminator->forward(as_videos(decoded_, frames)));
  return {.value = hinge.mul(adversarial_factor(step))};
}

double DecoderTask::adversarial_factor(int64_t step) const {
  return step >= loaded_.recipe.discriminator.from ? 1.0 : 0.0;
}

train::Loss DecoderTask::loss(const DecoderBatch& batch, const train::StepContext& context, size_t set) {
  return set == 0 ? decoder_loss(batch, context.step) : discriminator_loss(batch, context.step);
}

train::NamedTensors DecoderTask::checkpoint_tensors() {
  train::NamedTensors tensors = with_prefix("decoder.", nn::state_tensors(*parts_.model->decoder()));
  const auto adversary = with_prefix("discriminator.", nn::state_tensors(*parts_.discriminator));
  tensors.insert(tensors.end(), adversary.begin(), adversary.end());
  return tensors;
}

int64_t DecoderTask::total_parameters() {
  return io::count_elements(nn::state_tensors(*parts_.model)) +
         io::count_elements(nn::state_tensors(*parts_.discriminator));
}

int64_t DecoderTask::micro_batch_bytes() const {
  const Recipe::Data& data = loaded_.recipe.data;
  return batch_ * data.frames * 3 * data.height * data.width * static_cast<int64_t>(sizeof(float));
}

}  // namespace cambium::systems::video_ldm::decoder
