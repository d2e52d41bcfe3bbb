#include "models/latent_diffusion/autoencoder.h"

#include "core/error.h"
#include "nn/initialize.h"

namespace cambium::latent_diffusion {

namespace {

void check_channels(const at::Tensor& x, int64_t channels, const char* name) {
  if (x.dim() == 4 && x.size(1) == channels) return;
  throw Error({.what = "expected [N, " + std::to_string(channels) + ", height, width], got " + c10::str(x.sizes()),
               .field = name});
}

}  // namespace

Posterior Posterior::of(const at::Tensor& moments) {
  const auto halves = moments.chunk(2, 1);
  return {.mean = halves[0], .logvar = halves[1].clamp(-30, 20)};
}

at::Tensor Posterior::sample(const at::Tensor& noise) const { return mean + (0.5 * logvar).exp() * noise; }

at::Tensor Posterior::kl() const { return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum({1, 2, 3}); }

AutoencoderBase::AutoencoderBase(const AutoencoderOptions& options) : options_(options) {
  options.validate();
  encoder_ = register_module("encoder", std::make_shared<Encoder>(options));
  const auto pointwise = [&](const char* name, int64_t width) {
    return register_module(name, std::make_shared<nn::Conv2d>(nn::Conv2dOptions{.in = width, .out = width}));
  };
  if (options.quant_conv) quant_conv_ = pointwise("quant_conv", 2 * options.latent_channels);
  if (options.post_quant_conv) post_quant_conv_ = pointwise("post_quant_conv", options.latent_channels);
}

at::Tensor AutoencoderBase::moments(const at::Tensor& images) const {
  check_channels(images, options_.image_channels, "images");
  const at::Tensor h = encoder_->forward(images.to(device(), dtype()));
  return (quant_conv_ ? quant_conv_->forward(h) : h).to(images.scalar_type());
}

at::Tensor AutoencoderBase::decoder_input(const at::Tensor& latents) const {
  check_channels(latents, options_.latent_channels, "latents");
  const at::Tensor z = latents.to(device(), dtype());
  return post_quant_conv_ ? post_quant_conv_->forward(z) : z;
}

Autoencoder::Autoencoder(const AutoencoderOptions& options) : AutoencoderBase(options) {
  decoder_ = register_module("decoder", std::make_shared<Decoder>(options));
}

at::Tensor Autoencoder::decode(const at::Tensor& latents) const {
  return decoder_->forward(decoder_input(latents)).to(latents.scalar_type());
}

void Autoencoder::initialize(at::Generator& generator) { nn::initialize_layers(*this, generator); }

}  // namespace cambium::latent_diffusion
