#include "models/latent_diffusion/describe.h"

#include <nlohmann/json.hpp>

#include "core/progress.h"
#include "models/latent_diffusion/options_metadata.h"

namespace cambium::latent_diffusion {
namespace {

// "320, 640, 1280"
std::string list(const std::vector<int64_t>& values) {
  std::string text;
  for (const int64_t value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return text;
}

std::string counts(const io::StateDict& state) {
  return format_count(static_cast<int64_t>(state.tensors.size())) + " tensors, " +
         format_count(io::count_elements(state.tensors)) + " elements";
}

}  // namespace

std::string to_text(const Weights& weights) {
  std::string text = weights.source + ": latent diffusion, " +
                     (weights.layout == Layout::ldm ? "single file of the LDM code" : "layout of diffusers") + "\n";
  if (weights.unet) {
    const UNetOptions& o = weights.unet->options;
    text += "  U-Net: " + counts(weights.unet->state) + "; " + std::to_string(o.in_channels) + " channels in, levels " +
            list(o.block_out_channels) + ", heads " + list(o.heads) + ", context " +
            std::to_string(o.cross_attention_dim) + "\n";
    text += "  predicts " + to_string(weights.scheduler.prediction) +
            (weights.prediction_by.empty() ? "" : ", " + weights.prediction_by) + "\n";
  }
  if (weights.autoencoder) {
    const AutoencoderOptions& o = weights.autoencoder->options;
    text += "  autoencoder: " + counts(weights.autoencoder->state) + "; " + std::to_string(o.factor()) +
            " pixels a side to a latent of " + std::to_string(o.latent_channels) + " channels\n";
  }
  if (weights.text) {
    const clip::TextTransformerOptions& o = weights.text->options;
    text += "  text encoder: " + counts(weights.text->state) + "; width " + std::to_string(o.width) + ", " +
            std::to_string(o.layers) + " blocks, " + nn::to_string(o.activation) + ", pads with " +
            std::to_string(weights.text->pad) + "\n";
  }
  return text;
}

nlohmann::json to_json(const Weights& weights) {
  nlohmann::json all = nlohmann::json::parse(metadata_of(weights));
  all["source"] = weights.source;
  all["layout"] = weights.layout == Layout::ldm ? "ldm" : "diffusers";
  all["prediction_by"] = weights.prediction_by;
  return all;
}

}  // namespace cambium::latent_diffusion
