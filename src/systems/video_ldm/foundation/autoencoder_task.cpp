#include "systems/video_ldm/foundation/autoencoder_task.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include "data/clips/clip.h"
#include "nn/load.h"
#include "systems/video_ldm/pictures.h"

namespace cambium::systems::video_ldm::foundation {
namespace {

using latent_diffusion::Autoencoder;

// L1 between the differences of neighbours, across and down: edges that a mean alone would blur. [N, C, H, W]
at::Tensor gradient_l1(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor error = a - b;
  return error.diff(1, -1).abs().mean() + error.diff(1, -2).abs().mean();
}

}  // namespace

double reconstruction_psnr(Autoencoder& model, const at::Tensor& frames) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> each;
  for (const at::Tensor& some : frames.split(32)) {
    const at::Tensor images = data::to_signed_unit(some.to(model.parameters().front().device()));
    const at::Tensor back = model.decode(model.encode(images).mean).to(at::kFloat).clamp(-1, 1);
    each.push_back(((back - images) / 2).square().mean({1, 2, 3}).clamp_min(1e-10).log10() * -10);  // [n]
  }
  return at::cat(each).mean().item<double>();
}

AutoencoderTask::AutoencoderTask(const AutoencoderRecipe& recipe, std::shared_ptr<Autoencoder> model, at::Tensor frames,
                                 std::vector<int64_t> shown, FrameOrder order)
    : recipe_(recipe),
      model_(std::move(model)),
      frames_(std::move(frames)),
      shown_(std::move(shown)),
      order_(std::move(order)),
      device_(model_->parameters().front().device()) {}

std::vector<train::OptimizerSet> AutoencoderTask::optimizers() {
  return {optimizer_set(checkpoint_tensors(), recipe_.train, train::Decay::cosine)};
}

at::Tensor AutoencoderTask::next_batch(const train::StepContext&) {
  return frames_.index_select(0, at::tensor(order_.next(), at::kLong)).to(device_);
}

train::Loss AutoencoderTask::loss(const at::Tensor& frames, const train::StepContext& context, size_t) {
  const AutoencoderRecipe::Loss& weights = recipe_.loss;
  const at::Tensor images = data::to_signed_unit(frames);  // [B, 3, S, S]
  const latent_diffusion::Posterior posterior = model_->encode(images);
  const at::Tensor noise = at::randn(posterior.mean.sizes(), context.generator).to(posterior.mean);
  const at::Tensor back = model_->decode(posterior.sample(noise));
  const at::Tensor error = back - images;
  const at::Tensor l1 = error.abs().mean(), mse = error.square().mean(), gradient = gradient_l1(back, images);
  // Of the latent's every element with N(0, 1), so that its weight does not depend on the latent's size.
  const at::Tensor kl = (posterior.mean.square() + posterior.logvar.exp() - 1 - posterior.logvar).mean() * 0.5;
  train::Scalars scalars;
  scalars.set("l1", l1);
  scalars.set("gradient", gradient);
  scalars.set("mse", mse);
  scalars.set("kl", kl);
  return {.value = l1 * weights.l1 + mse * weights.mse + gradient * weights.gradient + kl * weights.kl,
          .scalars = std::move(scalars)};
}

train::Scalars AutoencoderTask::evaluate(const train::StepContext&) {
  train::Scalars scalars;
  scalars.set("psnr", reconstruction_psnr(*model_, frames_.index_select(0, at::tensor(shown_, at::kLong))));
  return scalars;
}

train::Samples AutoencoderTask::samples(const train::StepContext&) {
  const at::Tensor frames = frames_.index_select(0, at::tensor(shown_, at::kLong)).slice(0, 0, 16);
  const at::Tensor back = model_->decode(model_->encode(data::to_signed_unit(frames.to(device_))).mean);
  return {
      .pictures = {sample_picture("frames above, decoded below", at::cat({frames, to_bytes(back)}), frames.size(0))}};
}

train::NamedTensors AutoencoderTask::checkpoint_tensors() { return nn::state_tensors(*model_); }

int64_t AutoencoderTask::total_parameters() { return io::count_elements(checkpoint_tensors()); }

int64_t AutoencoderTask::micro_batch_bytes() const { return order_.batch() * frames_[0].numel(); }

}  // namespace cambium::systems::video_ldm::foundation
