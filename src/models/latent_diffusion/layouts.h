#pragma once
// The public layouts of latent diffusion models as rules of names. Diffusers' names are canonical: the modules carry
// them, so loading is name equality. The other layout is that of the original LDM code (CompVis/stable-diffusion,
// Stability-AI/stablediffusion and generative-models), in which single files are published.
#include <cstdint>
#include <vector>

#include "models/latent_diffusion/name_map.h"

namespace cambium::latent_diffusion {

// What of a network decides its names in either layout.
struct UNetStructure {
  int64_t levels = 4;
  int64_t layers = 2;                                       // residual blocks a level downwards
  std::vector<bool> attention = {true, true, true, false};  // levels with transformers
  bool temporal = false;                                    // with Stable Video Diffusion's layers over time
};

struct AutoencoderStructure {
  int64_t levels = 4;
  int64_t layers = 2;     // residual blocks a level of the encoder
  bool temporal = false;  // with Stable Video Diffusion's decoder
};

// By names without a prefix ("input_blocks.0.0.weight"; "down_blocks.0.resnets.0.norm1.weight").
UNetStructure unet_structure_ldm(const NameSet& names);
UNetStructure unet_structure(const NameSet& names);
AutoencoderStructure autoencoder_structure_ldm(const NameSet& names);
AutoencoderStructure autoencoder_structure(const NameSet& names);

// The LDM code's names to diffusers'. What the autoencoder's map lacks has one name in both.
NameMap unet_names(const UNetStructure& structure);
NameMap autoencoder_names(const AutoencoderStructure& structure);
// AnimateDiff's motion modules to diffusers' MotionAdapter.
NameMap motion_names();

// Whole networks, names without a prefix. Tensors are views: 1x1 convolutions and linear layers reshape freely. Names
// that no rule knows stay as they are, for the loader to report.
io::StateDict unet_from_ldm(const io::StateDict& unet);
io::StateDict unet_to_ldm(const io::StateDict& unet);
io::StateDict autoencoder_from_ldm(const io::StateDict& autoencoder);
io::StateDict autoencoder_to_ldm(const io::StateDict& autoencoder);
// Whose names a text encoder has.
enum class TextLayout {
  clip,       // transformers' CLIPTextModel: Stable Diffusion 1, and every folder of diffusers
  open_clip,  // open_clip's: single files of Stable Diffusion 2
};

// A text tower to the names of models/clip, "textual." before them; q, k and v become one tensor, the rest are views.
// What the tower does not have (projection, temperature) is dropped, and of ViT-H's 24 blocks the last: Stable
// Diffusion 2 reads what enters it.
io::StateDict text_from_layout(const io::StateDict& text, TextLayout layout);
io::StateDict text_to_layout(const io::StateDict& canonical, TextLayout layout);

// Folders written by diffusers before 0.14: query, key, value, proj_attn. Others are returned as they are.
io::StateDict autoencoder_from_old_diffusers(const io::StateDict& autoencoder);

}  // namespace cambium::latent_diffusion
