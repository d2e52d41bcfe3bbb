#include "models/latent_diffusion/ldm_file.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "core/error.h"
#include "core/glob.h"

namespace cambium::latent_diffusion {
namespace {

constexpr std::string_view kUNet = "model.diffusion_model.", kAutoencoder = "first_stage_model.", kEma = "model_ema.",
                           kClip = "cond_stage_model.transformer.", kOpenClip = "cond_stage_model.model.";
// Stable Video Diffusion's image encoder, which its decoder's file has no other whole copy of.
constexpr std::string_view kVideoEncoder = "conditioner.embedders.3.encoder.";

enum class Part { unet, autoencoder, clip, open_clip };

struct Prefix {
  std::string_view text;
  Part part;
  bool removed;
};

// In order; the last ones are names of networks that are alone in their file.
constexpr std::array<Prefix, 16> kPrefixes = {{{kUNet, Part::unet, true},
                                               {kAutoencoder, Part::autoencoder, true},
                                               {"vae.", Part::autoencoder, true},
                                               {kVideoEncoder, Part::autoencoder, true},
                                               {kClip, Part::clip, true},
                                               {kOpenClip, Part::open_clip, true},
                                               {"input_blocks.", Part::unet, false},
                                               {"middle_block.", Part::unet, false},
                                               {"output_blocks.", Part::unet, false},
                                               {"time_embed.", Part::unet, false},
                                               {"label_emb.", Part::unet, false},
                                               {"out.", Part::unet, false},
                                               {"encoder.", Part::autoencoder, false},
                                               {"decoder.", Part::autoencoder, false},
                                               {"quant_conv.", Part::autoencoder, false},
                                               {"post_quant_conv.", Part::autoencoder, false}}};

// Noise schedules, losses and index buffers: made anew from options, or of no use behind training.
const std::vector<std::string> kMadeAnew = {"betas",
                                            "alphas_cumprod*",
                                            "posterior_*",
                                            "sqrt_*",
                                            "log_*",
                                            "logvar",
                                            "lvlb_weights",
                                            "scale_factor",
                                            "model_ema.*",
                                            "loss.*",
                                            "first_stage_model.loss.*",
                                            "low_scale_model.*",
                                            "*position_ids",
                                            "cond_stage_model.model.attn_mask"};

const Prefix* find_prefix(const std::string& name) {
  const auto found =
      std::find_if(kPrefixes.begin(), kPrefixes.end(), [&](const Prefix& p) { return name.starts_with(p.text); });
  return found == kPrefixes.end() ? nullptr : &*found;
}

std::string without_dots(std::string name) {
  std::erase(name, '.');
  return name;
}

// Puts the moving average in the place of the weights that training left.
void take_ema(io::StateDict& unet, const io::StateDict& file) {
  std::unordered_map<std::string, at::Tensor> average;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.starts_with(kEma)) average.emplace(name.substr(kEma.size()), tensor);
  }
  const bool any = std::any_of(average.begin(), average.end(),
                               [](const auto& item) { return item.first.starts_with("diffusion_model"); });
  if (!any) return;
  for (auto& [name, tensor] : unet.tensors) {
    const auto found = average.find(without_dots("diffusion_model." + name));
    if (found == average.end()) {
      throw Error({.what = "holds a moving average of the U-Net that is not whole: this tensor has none",
                   .file = file.source,
                   .field = std::string(kUNet) + name,
                   .mend = "take the weights without it (EMA off), or another copy of the file"});
    }
    tensor = found->second;
  }
}

void append(io::StateDict& out, const io::StateDict& part,
            const std::function<std::string_view(const std::string&)>& prefix) {
  for (const auto& [name, tensor] : part.tensors) out.tensors.emplace_back(std::string(prefix(name)) + name, tensor);
}

}  // namespace

bool is_ldm(const io::StateDict& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(), [](const auto& item) {
    const std::string& name = item.first;
    return name.starts_with(kUNet) || name.starts_with(kAutoencoder) || name.starts_with("vae.") ||
           name.starts_with(kClip) || name.starts_with(kOpenClip) || name.starts_with("input_blocks.") ||
           name.starts_with("decoder.up.0.block.") || name.starts_with(kVideoEncoder);
  });
}

Parts split_ldm(const io::StateDict& file, bool ema) {
  Parts parts;
  io::StateDict text;
  for (io::StateDict* part : {&parts.unet, &parts.autoencoder, &text}) part->source = file.source;
  const bool video = NameSet(file).any_below(kVideoEncoder);
  for (const auto& [name, tensor] : file.tensors) {
    if (glob_matches_any(kMadeAnew, name)) continue;
    const Prefix* prefix = find_prefix(name);
    if (prefix == nullptr) {
      parts.left_out.push_back(name);
      continue;
    }
    if (video && name.starts_with("first_stage_model.encoder.")) continue;  // the other copy is whole
    const std::string inner = prefix->removed ? name.substr(prefix->text.size()) : name;
    if (prefix->part == Part::unet) {
      parts.unet.tensors.emplace_back(inner, tensor);
    } else if (prefix->part == Part::autoencoder) {
      parts.autoencoder.tensors.emplace_back(inner, tensor);
    } else {
      parts.text_layout = prefix->part == Part::clip ? TextLayout::clip : TextLayout::open_clip;
      text.tensors.emplace_back(inner, tensor);
    }
  }
  if (ema) take_ema(parts.unet, file);
  if (!parts.unet.tensors.empty()) parts.unet = unet_from_ldm(parts.unet);
  if (!parts.autoencoder.tensors.empty()) parts.autoencoder = autoencoder_from_ldm(parts.autoencoder);
  if (!text.tensors.empty()) parts.text = text_from_layout(text, parts.text_layout);
  return parts;
}

io::StateDict join_ldm(const Parts& parts) {
  io::StateDict out{.source = parts.unet.source};
  if (!parts.unet.tensors.empty()) append(out, unet_to_ldm(parts.unet), [](const std::string&) { return kUNet; });
  if (!parts.autoencoder.tensors.empty()) {
    const bool video = autoencoder_structure(NameSet(parts.autoencoder)).temporal;
    append(out, autoencoder_to_ldm(parts.autoencoder), [video](const std::string& name) {
      return video && !name.starts_with("decoder.") ? kVideoEncoder : kAutoencoder;
    });
  }
  if (!parts.text.tensors.empty()) {
    const bool clip = parts.text_layout == TextLayout::clip;
    append(out, text_to_layout(parts.text, parts.text_layout),
           [clip](const std::string&) { return clip ? kClip : kOpenClip; });
  }
  return out;
}

}  // namespace cambium::latent_diffusion
