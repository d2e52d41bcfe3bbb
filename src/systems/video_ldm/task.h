#pragma once
// Training of temporal layers over a frozen image model, as the loop sees it (arXiv 2304.08818, Eq. 2 and 3).
#include <memory>
#include <optional>

#include "core/random.h"
#include "models/latent_diffusion/denoising_loss.h"
#include "models/latent_diffusion/unet.h"
#include "models/video_ldm/temporal_layers.h"
#include "models/video_ldm/video_denoiser.h"
#include "peft/delta.h"
#include "systems/video_ldm/clip_order.h"
#include "systems/video_ldm/recipe.h"
#include "systems/video_ldm/sample_films.h"
#include "systems/video_ldm/text_contexts.h"
#include "train/task.h"

namespace cambium::systems::video_ldm {

struct ClipBatch {
  at::Tensor latents;  // [b, t, c, h, w], scaled
  at::Tensor text;     // [b, L, D]
  at::Tensor masks;    // [b, t], 1 where a frame is given; undefined where the model reads none
  at::Tensor rates;    // [b] int64; undefined where there is one rate
};

class TemporalTask : public train::BatchTask<ClipBatch> {
 public:
  struct Parts {
    std::shared_ptr<latent_diffusion::UNet> unet;  // frozen
    peft::Foundation foundation = {};              // of its tensors
    latent_diffusion::SchedulerOptions scheduler = {};
    std::shared_ptr<cambium::video_ldm::TemporalLayers> layers;
    std::shared_ptr<const LatentFilms> latents;
    std::shared_ptr<const TextContexts> texts;
    std::vector<int64_t> train = {}, held_out = {};  // films
    std::shared_ptr<SampleFilms> samples = {};       // null: none are made
  };
  TemporalTask(const LoadedRecipe& recipe, Parts parts, const train::Distributed& ranks);

  std::vector<train::OptimizerSet> optimizers() override;
  // The loss on held-out clips, at fixed timesteps and noise; nothing where none is long enough.
  train::Scalars evaluate(const train::StepContext& context) override;
  train::Samples samples(const train::StepContext& context) override;
  train::NamedTensors checkpoint_tensors() override;
  std::map<std::string, std::string> checkpoint_metadata() override;
  nlohmann::json data_state() const override;
  void restore_data(const nlohmann::json& state) override;
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override;

 protected:
  ClipBatch next_batch(const train::StepContext& context) override;
  train::Loss loss(const ClipBatch& batch, const train::StepContext& context, size_t set) override;

 private:
  ClipBatch batch_of(const std::vector<Clip>& clips, at::Tensor latents, const CaptionShares& shares, Rng& rng) const;
  at::Tensor draw_masks(int64_t clips, Rng& rng) const;
  at::Tensor error(const ClipBatch& batch, const at::Tensor& timesteps, const at::Tensor& noise);

  LoadedRecipe loaded_;
  Parts parts_;
  latent_diffusion::NoiseSchedule schedule_;
  std::vector<int64_t> strides_;
  ClipOrder order_;
  Rng rng_;  // draws captions and masks
  // Of the newest loss: what its graph reads must live until the backward pass is done.
  std::optional<cambium::video_ldm::VideoDenoiser> denoiser_;
  c10::Device device_;
};

// Frames of the cached films from one to the next, for each of the recipe's rates.
std::vector<int64_t> strides(const DataRecipe& recipe);

}  // namespace cambium::systems::video_ldm
