#pragma once
// AutoencoderKL: images to latents and back (Rombach et al. 2022, section 3.1). Latents here are the autoencoder's own:
// diffusion works on options.scaling_factor times them.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "models/latent_diffusion/autoencoder_decoder.h"
#include "models/latent_diffusion/autoencoder_encoder.h"
#include "models/latent_diffusion/options.h"

namespace cambium::latent_diffusion {

// The normal distribution of an image's latents, with independent entries. All [N, latent channels, h, w].
struct Posterior {
  at::Tensor mean, logvar;  // logvar within [-30, 20]

  // moments [N, 2 * latent channels, h, w]: means, then logarithms of variances.
  static Posterior of(const at::Tensor& moments);

  // mean + exp(logvar / 2) noise. Training encodes by sampling, and so does image-to-image.
  at::Tensor sample(const at::Tensor& noise) const;
  // The divergence from the standard normal, summed over an image's entries. -> [N]
  at::Tensor kl() const;
};

// What the autoencoders of images and of videos share: the way into latents, and 1x1 convolutions around these.
// Computes in the weights' dtype; results come in the dtype of what is given.
class AutoencoderBase : public torch::nn::Module {
 public:
  // encoder, quant_conv, post_quant_conv. UsageError as options.validate().
  explicit AutoencoderBase(const AutoencoderOptions& options);

  // images [N, 3, H, W] in [-1, 1] -> [N, 2 * latent channels, H / f, W / f]. Sides that f does not divide are rounded
  // down, as the original does.
  at::Tensor moments(const at::Tensor& images) const;
  Posterior encode(const at::Tensor& images) const { return Posterior::of(moments(images)); }

  const AutoencoderOptions& options() const { return options_; }
  const std::shared_ptr<Encoder>& encoder() const { return encoder_; }
  // Of the weights.
  at::ScalarType dtype() const { return encoder_->dtype(); }
  c10::Device device() const { return encoder_->device(); }

  // What the decoder's first piece reads, in the weights' dtype and on their device. latents [N, latent channels, h, w]
  at::Tensor decoder_input(const at::Tensor& latents) const;

 private:
  AutoencoderOptions options_;
  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<nn::Conv2d> quant_conv_, post_quant_conv_;  // or null
};

class Autoencoder : public AutoencoderBase {
 public:
  // Weights are allocated, not filled; their names are diffusers'.
  explicit Autoencoder(const AutoencoderOptions& options);

  // latents [N, latent channels, h, w] (not scaled) -> images [N, 3, f h, f w], about [-1, 1] and not clamped
  at::Tensor decode(const at::Tensor& latents) const;

  const std::shared_ptr<Decoder>& decoder() const { return decoder_; }
  // PyTorch's defaults, from nothing.
  void initialize(at::Generator& generator);

 private:
  std::shared_ptr<Decoder> decoder_;
};

}  // namespace cambium::latent_diffusion
