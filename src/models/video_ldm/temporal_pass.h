#pragma once
// The temporal layers under given conditions, as the U-Net calls them.
#include <ATen/core/Tensor.h>

#include <vector>

#include "models/latent_diffusion/injection.h"
#include "models/video_ldm/temporal_layers.h"

namespace cambium::video_ldm {

class TemporalPass : public latent_diffusion::Injection {
 public:
  // The conditions are checked (TemporalLayers::pass).
  TemporalPass(const TemporalLayers& layers, const VideoConditions& conditions);

  at::Tensor after_residual(int64_t place, const at::Tensor& hidden, const at::Tensor& time_embedding) const override;
  at::Tensor after_attention(int64_t place, int64_t depth, const at::Tensor& tokens) const override;
  std::vector<at::Tensor> residual_parameters(int64_t place) const override;
  std::vector<at::Tensor> attention_parameters(int64_t place) const override;

 private:
  // Of the given frames at the resolution of a residual place, or undefined.
  at::Tensor context_at(int64_t place) const;

  std::vector<std::shared_ptr<TemporalResidual>> residuals_;
  std::vector<std::shared_ptr<TemporalTransformer>> transformers_;
  std::vector<TemporalTransformer::Conditions> told_;  // by attention place
  std::vector<at::Tensor> context_;                    // by level, or empty
  std::vector<int64_t> levels_;                        // of the residual places
  int64_t frames_;
  at::Tensor image_only_;
  std::optional<int64_t> reach_;
};

}  // namespace cambium::video_ldm
