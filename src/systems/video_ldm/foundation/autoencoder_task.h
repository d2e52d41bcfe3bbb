#pragma once
// Training of a small autoencoder on single frames, as the loop sees it (Rombach et al. 2022, section 3.1; the loss is
// this project's own: no network that judges likeness, no discriminator).
#include <memory>

#include "models/latent_diffusion/autoencoder.h"
#include "systems/video_ldm/foundation/frame_order.h"
#include "train/task.h"

namespace cambium::systems::video_ldm::foundation {

// How like the frames are that come back, in decibels: -10 log10 of the mean squared error in [0, 1], the mean over
// frames. frames u8 [N, 3, S, S]. The latent's mean is decoded.
double reconstruction_psnr(latent_diffusion::Autoencoder& model, const at::Tensor& frames);

class AutoencoderTask : public train::BatchTask<at::Tensor> {
 public:
  // frames u8 [N, 3, S, S] on the CPU; `shown`: rows of them that samples are made of.
  AutoencoderTask(const AutoencoderRecipe& recipe, std::shared_ptr<latent_diffusion::Autoencoder> model,
                  at::Tensor frames, std::vector<int64_t> shown, FrameOrder order);

  std::vector<train::OptimizerSet> optimizers() override;
  train::Scalars evaluate(const train::StepContext& context) override;
  train::Samples samples(const train::StepContext& context) override;
  train::NamedTensors checkpoint_tensors() override;
  std::map<std::string, std::string> checkpoint_metadata() override {
    return {{"format", "cambium.model"}, {"system", "video_ldm"}};
  }
  nlohmann::json data_state() const override { return order_.state(); }
  void restore_data(const nlohmann::json& state) override { order_.restore(state); }
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override;

 protected:
  at::Tensor next_batch(const train::StepContext& context) override;
  train::Loss loss(const at::Tensor& frames, const train::StepContext& context, size_t set) override;

 private:
  AutoencoderRecipe recipe_;
  std::shared_ptr<latent_diffusion::Autoencoder> model_;
  at::Tensor frames_;  // u8 [N, 3, S, S]
  std::vector<int64_t> shown_;
  FrameOrder order_;
  c10::Device device_;
};

}  // namespace cambium::systems::video_ldm::foundation
