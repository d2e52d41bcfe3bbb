#pragma once
// From a checkpoint on disk to a model: layout detected, sizes inferred, names made canonical.
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/device.h"
#include "io/state_dict.h"
#include "models/sam/options.h"
#include "models/sam/sam.h"

namespace cambium::sam {

enum class Layout {
  official,      // sam_vit_*.pth, sam_hq_*.pth, mobile_sam.pt, and everything that this program writes
  hugging_face,  // transformers' SamModel: vision_encoder.layers..., shared_image_embedding...
};

struct Weights {
  Layout layout = Layout::official;  // the layout it came in
  SamOptions options = {};
  io::StateDict state = {};  // official names
};

// Sizes by the shapes of a state dict with official names: encoder (width, depth, window, which blocks are global,
// image size), decoder, HQ-SAM's and MobileSAM's parts. The encoder's heads are told by the relative positions' head
// size. Error naming the source and the tensor at fault.
SamOptions options_of(const io::StateDict& official);

// What options_of cannot tell by shapes (the decoder's heads, 8 unless said otherwise), as metadata for a safetensors
// file.
std::map<std::string, std::string> metadata_of(const SamOptions& options);

// A .pth or safetensors file, or a folder with Hugging Face's names. Errors: not a SAM (what it is closest to), tensors
// that contradict each other.
Weights read_weights(const std::filesystem::path& path);
// The same of tensors already read.
Weights interpret_weights(io::StateDict state);

// Reads the weights and hands them to a new model without copying what needs no conversion: matrices and kernels in
// compute.param_dtype, the model computing in compute.compute_dtype.
std::shared_ptr<Sam> open(const std::filesystem::path& path, const Compute& compute = {});
std::shared_ptr<Sam> build(const Weights& weights, const Compute& compute = {});

}  // namespace cambium::sam
