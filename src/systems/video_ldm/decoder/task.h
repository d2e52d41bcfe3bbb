#pragma once
// Training of a temporal decoder against its discriminator, as the loop sees it: two optimizer sets on the same clips.
#include <memory>

#include "models/video_ldm/discriminator.h"
#include "models/video_ldm/temporal_autoencoder.h"
#include "systems/video_ldm/clip_order.h"
#include "systems/video_ldm/decoder/recipe.h"
#include "train/task.h"

namespace cambium::systems::video_ldm::decoder {

struct DecoderBatch {
  at::Tensor frames;   // f32 [b * t, 3, H, W] in [-1, 1], frame fastest
  at::Tensor latents;  // [b * t, c, h, w], not scaled
};

class DecoderTask : public train::BatchTask<DecoderBatch> {
 public:
  struct Parts {
    std::shared_ptr<cambium::video_ldm::TemporalAutoencoder> model;  // the encoder frozen
    std::shared_ptr<cambium::video_ldm::Discriminator> discriminator;
    const FilmSet* films = nullptr;  // outlives the task
    std::shared_ptr<const LatentFilms> latents;
  };
  DecoderTask(const LoadedRecipe& recipe, Parts parts, const train::Distributed& ranks);

  std::vector<train::OptimizerSet> optimizers() override;
  train::NamedTensors checkpoint_tensors() override;
  std::map<std::string, std::string> checkpoint_metadata() override {
    return {{"format", "cambium.model"}, {"system", "video_ldm"}};
  }
  nlohmann::json data_state() const override { return order_.state(); }
  void restore_data(const nlohmann::json& state) override { order_.restore(state); }
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override;

 protected:
  DecoderBatch next_batch(const train::StepContext& context) override;
  // Set 0 is the decoder, set 1 the discriminator.
  train::Loss loss(const DecoderBatch& batch, const train::StepContext& context, size_t set) override;

 private:
  train::Loss decoder_loss(const DecoderBatch& batch, int64_t step);
  train::Loss discriminator_loss(const DecoderBatch& batch, int64_t step);
  // 0 until the adversarial part counts, for both networks; then 1.
  double adversarial_factor(int64_t step) const;

  LoadedRecipe loaded_;
  Parts parts_;
  int64_t batch_;  // clips on this rank
  ClipOrder order_;
  at::Tensor decoded_;  // by the decoder's turn, for the discriminator's
  c10::Device device_;
};

}  // namespace cambium::systems::video_ldm::decoder
