#pragma once
// Training of a small latent diffusion model of single frames, its text encoder with it, as the loop sees it (Rombach
// et al. 2022, section 3.3).
#include <memory>

#include "models/clip/text_transformer.h"
#include "models/latent_diffusion/autoencoder.h"
#include "models/latent_diffusion/denoising_loss.h"
#include "models/latent_diffusion/noise_schedule.h"
#include "models/latent_diffusion/scheduler_options.h"
#include "models/latent_diffusion/unet.h"
#include "systems/video_ldm/foundation/captions.h"
#include "systems/video_ldm/foundation/frame_order.h"
#include "systems/video_ldm/latent_films.h"
#include "train/task.h"

namespace cambium::systems::video_ldm::foundation {

// What is trained, under one prefix each: "unet." and "text_encoder.".
struct Networks : torch::nn::Module {
  Networks(std::shared_ptr<latent_diffusion::UNet> unet, std::shared_ptr<clip::TextTransformer> text);

  std::shared_ptr<latent_diffusion::UNet> unet;
  std::shared_ptr<clip::TextTransformer> text;
};

// The cosine curve with v: its last timestep is noise alone, as the first step of sampling assumes; so timesteps are
// spaced from the end.
latent_diffusion::SchedulerOptions image_scheduler();

struct ImageBatch {
  at::Tensor latents;  // [B, C, h, w], scaled
  at::Tensor ids;      // [B, 77]
};

class ImageTask : public train::BatchTask<ImageBatch> {
 public:
  struct Parts {
    std::shared_ptr<Networks> model;
    std::shared_ptr<latent_diffusion::Autoencoder> autoencoder;  // for samples
    std::shared_ptr<const LatentFilms> latents;
    std::vector<Film> films;
    std::shared_ptr<const CaptionTable> captions;
  };
  // Learns from the films of the training split; the others' frames judge it.
  ImageTask(const ImageRecipe& recipe, Parts parts, const train::Distributed& ranks);

  std::vector<train::OptimizerSet> optimizers() override;
  // The loss on held-out frames described by their subgroups' names, at fixed timesteps.
  train::Scalars evaluate(const train::StepContext& context) override;
  // Pictures of training films' names.
  train::Samples samples(const train::StepContext& context) override;
  train::NamedTensors checkpoint_tensors() override;
  std::map<std::string, std::string> checkpoint_metadata() override {
    return {{"format", "cambium.model"}, {"system", "video_ldm"}};
  }
  nlohmann::json data_state() const override;
  void restore_data(const nlohmann::json& state) override;
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override;

 protected:
  ImageBatch next_batch(const train::StepContext& context) override;
  train::Loss loss(const ImageBatch& batch, const train::StepContext& context, size_t set) override;

 private:
  at::Tensor error(const ImageBatch& batch, const latent_diffusion::DenoisingBatch& drawn);

  ImageRecipe recipe_;
  Parts parts_;
  latent_diffusion::NoiseSchedule schedule_;
  std::vector<int64_t> film_of_row_;
  FrameOrder order_;
  Rng rng_;  // draws captions
  c10::Device device_;
};

}  // namespace cambium::systems::video_ldm::foundation
