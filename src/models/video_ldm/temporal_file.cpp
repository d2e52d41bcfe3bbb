#include "models/video_ldm/temporal_file.h"

#include <c10/core/GradMode.h>

#include "core/error.h"
#include "nn/load.h"

namespace cambium::video_ldm {

namespace {

constexpr const char* kSystem = "video_ldm";
// The header's method, with the mixing behind it: that alone cannot be told from the tensors.
const std::string kMethod = "temporal_layers.";

bool ends_with_mix(const std::string& name) { return name.ends_with("time_mixer.mix_factor"); }

TemporalOptions options_of(const peft::Delta& delta) {
  TemporalOptions options{.mixing = parse_mixing(delta.method.substr(kMethod.size()))};
  for (const auto& [name, tensor] : delta.tensors) {
    if (name.starts_with("context_encoder.")) options.context = true;
    if (name == "frame_rate_embedding.weight") options.frame_rates = tensor.size(0);
    if (options.mixing == Mixing::per_frame && ends_with_mix(name)) options.frames = tensor.numel();
  }
  return options;
}

}  // namespace

void write_temporal_layers(const std::filesystem::path& path, const TemporalLayers& layers,
                           const peft::Foundation& foundation, const std::string& recipe,
                           std::optional<c10::ScalarType> floating) {
  peft::write_delta(path,
                    {.system = kSystem,
                     .method = kMethod + to_string(layers.options().mixing),
                     .recipe = recipe,
                     .foundation = foundation,
                     .swappable = true,
                     .tensors = nn::state_tensors(layers)},
                    floating);
}

TemporalFile read_temporal_layers(const std::filesystem::path& path) {
  TemporalFile file{.delta = peft::read_delta(path)};
  if (file.delta.system != kSystem || !file.delta.method.starts_with(kMethod)) {
    throw Error({.what = "holds no temporal layers but " + file.delta.system + "'s " + file.delta.method,
                 .file = path.string(),
                 .field = "method",
                 .mend = "give the delta.safetensors of a run that trained temporal layers"});
  }
  file.options = options_of(file.delta);
  return file;
}

std::shared_ptr<TemporalLayers> open_temporal_layers(const TemporalFile& file,
                                                     const latent_diffusion::UNetOptions& unet,
                                                     const peft::Foundation& foundation,
                                                     const std::filesystem::path& weights) {
  peft::check_foundation(file.delta, foundation, weights, /*allow=*/false);
  auto layers = std::make_shared<TemporalLayers>(unet, file.options);
  nn::load_state(*layers, {.source = file.delta.source, .tensors = file.delta.tensors});
  for (at::Tensor& parameter : layers->parameters()) parameter.set_requires_grad(false);
  return layers;
}

std::vector<std::string> warm_start(TemporalLayers& layers, const io::StateDict& svd) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> missing;
  const auto targets = nn::state_tensors(layers);
  for (const auto& [name, target] : targets) {
    if (svd.contains(name) && svd.at(name).sizes() == target.sizes()) {
      target.copy_(svd.at(name));
    } else {
      missing.push_back(name);
    }
  }
  if (missing.size() == targets.size()) {
    throw Error({.what = "has no temporal layers that fit this U-Net",
                 .file = svd.source,
                 .mend = "give the U-Net of Stable Video Diffusion (unet/diffusion_pytorch_model.safetensors)"});
  }
  return missing;
}

}  // namespace cambium::video_ldm
