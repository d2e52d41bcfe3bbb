#include "models/latent_diffusion/unknown_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace cambium::latent_diffusion {
namespace {

constexpr const char* kSupported =
    "Stable Diffusion 1, 2 and the x4 upscaler are supported, as single files and as folders of diffusers "
    "(docs/weights.md)";

struct Stranger {
  std::string_view part;  // of a tensor's name
  const char* what;
};

// Relatives whose networks have Stable Diffusion's names and others beside.
constexpr std::array<Stranger, 4> kRelatives = {
    {{"conditioner.embedders.1.", "is Stable Diffusion XL, which has two text encoders"},
     {".time_stack.", "is Stable Video Diffusion, which is conditioned on a picture, not on a prompt"},
     {".temporal_transformer_blocks.", "is Stable Video Diffusion, which is conditioned on a picture, not on a prompt"},
     {"control_model.", "is a ControlNet, which steers a Stable Diffusion and is none"}}};

constexpr std::array<Stranger, 10> kStrangers = {
    {{"lora_unet_", "is a LoRA, a change to a model and not the model"},
     {"lora_te", "is a LoRA, a change to a model and not the model"},
     {".lora_A.", "is a LoRA, a change to a model and not the model"},
     {".lora_down.", "is a LoRA, a change to a model and not the model"},
     {"emb_params", "is a textual inversion, a word and not a model"},
     {"motion_modules", "is AnimateDiff's motion module, which goes over a Stable Diffusion and is none"},
     {"joint_blocks.", "is Stable Diffusion 3, which has a transformer in the place of the U-Net"},
     {"double_blocks.", "is FLUX, which has a transformer in the place of the U-Net"},
     {"controlnet_cond_embedding", "is a ControlNet, which steers a Stable Diffusion and is none"},
     {"vision_model.", "is a CLIP with its image tower, not a latent diffusion model"}}};

struct Family {
  const char* name;
  std::vector<std::string_view> words;  // segments of names that no other layout has
};

const std::vector<Family>& families() {
  static const std::vector<Family> list = {
      {"the original LDM code's",
       {"input_blocks", "middle_block", "output_blocks", "in_layers", "out_layers", "emb_layers", "skip_connection",
        "time_embed", "first_stage_model", "cond_stage_model", "diffusion_model", "nin_shortcut", "attn_1"}},
      {"diffusers'",
       {"down_blocks", "up_blocks", "mid_block", "resnets", "attentions", "transformer_blocks", "time_emb_proj",
        "conv_shortcut", "time_embedding", "downsamplers", "upsamplers", "conv_norm_out"}},
      {"transformers' CLIP text encoder's", {"text_model", "self_attn", "token_embedding", "position_embedding"}}};
  return list;
}

bool has_word(std::string_view name, const Family& family) {
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view word = name.substr(begin, end - begin);
    if (std::find(family.words.begin(), family.words.end(), word) != family.words.end()) return true;
    begin = end + 1;
  }
  return false;
}

double share(const io::StateDict& state, const Family& family) {
  const auto known = std::count_if(state.tensors.begin(), state.tensors.end(),
                                   [&](const auto& item) { return has_word(item.first, family); });
  return state.tensors.empty() ? 0 : static_cast<double>(known) / static_cast<double>(state.tensors.size());
}

template <size_t N>
void refuse_known(const io::StateDict& state, const std::array<Stranger, N>& strangers) {
  for (const Stranger& stranger : strangers) {
    for (const auto& [name, tensor] : state.tensors) {
      if (name.find(stranger.part) != std::string::npos)
        throw Error({.what = stranger.what, .file = state.source, .field = name, .mend = kSupported});
    }
  }
}

}  // namespace

void refuse_relatives(const io::StateDict& state) { refuse_known(state, kRelatives); }

void refuse_layout(const io::StateDict& state) {
  refuse_known(state, kRelatives);
  refuse_known(state, kStrangers);
  const Family* closest = nullptr;
  double best = 0;
  for (const Family& family : families()) {
    if (const double found = share(state, family); found > best) {
      best = found;
      closest = &family;
    }
  }
  const std::string how_close = closest == nullptr
                                    ? "it shares no name with any of them"
                                    : "the closest is " + std::string(closest->name) + ", which " +
                                          std::to_string(std::lround(100 * best)) + "% of its names resemble";
  throw Error({.what = "its " + std::to_string(state.tensors.size()) +
                       " tensors are in no layout of latent diffusion models that is known; " + how_close,
               .file = state.source,
               .field = state.tensors.empty() ? "" : state.tensors.front().first,
               .mend = kSupported});
}

}  // namespace cambium::latent_diffusion
