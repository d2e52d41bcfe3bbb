// Diffusers' other names: autoencoders of old folders, and the motion modules of AnimateDiff (guoyww/AnimateDiff).
#include <array>

#include "models/latent_diffusion/layouts.h"

namespace cambium::latent_diffusion {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> kOldAttention = {
    {{"query", "to_q"}, {"key", "to_k"}, {"value", "to_v"}, {"proj_attn", "to_out.0"}}};

// Stable Diffusion 1's levels; paths that a version lacks do no harm.
constexpr int64_t kLevels = 4, kModules = 3, kAttentions = 2;

void add_motion_module(NameMap& map, const std::string& module) {
  const std::string theirs = module + ".temporal_transformer", block = ".transformer_blocks.0.";
  map.add(theirs, module);
  for (int64_t i = 0; i < kAttentions; ++i) {
    const std::string index = std::to_string(i), next = std::to_string(i + 1);
    map.add(theirs + block + "attention_blocks." + index, module + block + "attn" + next);
    map.add(theirs + block + "norms." + index, module + block + "norm" + next);
  }
  map.add(theirs + block + "ff_norm", module + block + "norm" + std::to_string(kAttentions + 1));
}

}  // namespace

NameMap motion_names() {
  NameMap map;
  for (int64_t level = 0; level < kLevels; ++level) {
    for (int64_t j = 0; j < kModules; ++j) {
      const std::string place = std::to_string(level) + ".motion_modules." + std::to_string(j);
      add_motion_module(map, "down_blocks." + place);
      add_motion_module(map, "up_blocks." + place);
    }
  }
  add_motion_module(map, "mid_block.motion_modules.0");
  return map;
}

io::StateDict autoencoder_from_old_diffusers(const io::StateDict& autoencoder) {
  NameMap map;
  for (const std::string side : {"encoder", "decoder"}) {
    const std::string attention = side + ".mid_block.attentions.0.";
    for (const auto& [old, now] : kOldAttention) map.add(attention + old, attention + now);
  }
  return renamed(autoencoder, [&](const std::string& name) { return map.to_ours(name).value_or(name); });
}

}  // namespace cambium::latent_diffusion
