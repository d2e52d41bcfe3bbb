#pragma once
// What the temporal decoder is trained by (section 3.2.2; the terms are the image autoencoder's, Esser et al. 2021,
// arXiv 2012.09841, section 3.2): reconstruct the frames, and look real to a discriminator of videos.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::video_ldm {

// sum |reconstruction - target| over a frame's pixels, mean over frames. Both [N, 3, H, W] -> 0-D
at::Tensor reconstruction_loss(const at::Tensor& reconstruction, const at::Tensor& target);

// Logits of any shape -> 0-D. The decoder's part, -mean(fake), and the discriminator's hinge loss,
// (mean(max(0, 1 - real)) + mean(max(0, 1 + fake))) / 2.
at::Tensor generator_loss(const at::Tensor& fake);
at::Tensor hinge_loss(const at::Tensor& real, const at::Tensor& fake);

// |d first / d at| / (|d second / d at| + 1e-4) within [0, 1e4]: times this, `second` pulls at `at` as strongly as
// `first`. The graphs of both are kept. -> 0-D, a constant
at::Tensor adaptive_weight(const at::Tensor& first, const at::Tensor& second, const at::Tensor& at);

struct DecoderLossOptions {
  double adversarial = 0.5;  // weight of the adversarial part beside the adaptive one
  double factor = 1;         // 0 until the discriminator has learnt a little
};

// All 0-D; total = reconstruction + weight * factor * adversarial.
struct DecoderLoss {
  at::Tensor reconstruction, adversarial, weight, total;
};

// reconstruction and target [N, 3, H, W]; fake: the discriminator's logits of the reconstruction; last_weight: the
// parameter at which the two are balanced, the decoder's time_conv_out.weight.
DecoderLoss decoder_loss(const at::Tensor& reconstruction, const at::Tensor& target, const at::Tensor& fake,
                         const at::Tensor& last_weight, const DecoderLossOptions& options = {});

}  // namespace cambium::video_ldm
