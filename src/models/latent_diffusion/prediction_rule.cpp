#include "models/latent_diffusion/prediction_rule.h"

#include <algorithm>
#include <array>

#include "io/pth.h"
#include "io/weights_file.h"

namespace cambium::latent_diffusion {
namespace {

constexpr int64_t kLatentChannels = 4;
// Stable Diffusion 2 and 2.1 at 512 pixels, as published: steps of training.
constexpr std::array<int64_t, 2> kBaseSteps = {875000, 220000};

std::optional<int64_t> training_steps(const std::filesystem::path& path) {
  if (io::sniff_weights(path) != io::WeightsContainer::pth) return std::nullopt;
  const io::PthFile file = io::PthFile::open(path);
  const io::PickleValue* steps = file.root().get("global_step");
  if (steps == nullptr || !steps->is(io::PickleValue::Kind::integer)) return std::nullopt;
  return steps->integer;
}

bool is_stable_diffusion_2(const UNetOptions& unet) { return unet.linear_projection && unet.class_embeddings == 0; }

}  // namespace

PredictionRule prediction_of(const std::filesystem::path& path, const io::StateDict& state, const UNetOptions& unet) {
  if (const auto spec = state.metadata.find("modelspec.prediction_type"); spec != state.metadata.end()) {
    const bool velocity = spec->second.starts_with("v");
    return {velocity ? Prediction::velocity : Prediction::epsilon, "as its metadata says"};
  }
  if (state.contains("v_pred")) return {Prediction::velocity, "as the tensor v_pred in it says"};
  if (unet.class_embeddings > 0) return {Prediction::velocity, "as the x4 upscaler does"};
  if (!is_stable_diffusion_2(unet)) return {Prediction::epsilon, "as Stable Diffusion 1 does"};
  if (unet.in_channels != kLatentChannels)
    return {Prediction::epsilon, "as Stable Diffusion 2 with further inputs does"};
  if (const auto steps = training_steps(path)) {
    const bool base = std::find(kBaseSteps.begin(), kBaseSteps.end(), *steps) != kBaseSteps.end();
    return {base ? Prediction::epsilon : Prediction::velocity,
            "by its " + std::to_string(*steps) + " steps of training"};
  }
  const std::string name = path.filename().string();
  if (name.find("512") != std::string::npos || name.find("base") != std::string::npos)
    return {Prediction::epsilon, "by its name, as Stable Diffusion 2 does at 512 pixels", true};
  return {Prediction::velocity, "as Stable Diffusion 2 does at 768 pixels", true};
}

}  // namespace cambium::latent_diffusion
