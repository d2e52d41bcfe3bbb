#pragma once
// Weights of a SamAdapter: from a foundation, or from a released SAM-Adapter checkpoint that holds everything.
#include <ATen/core/Generator.h>

#include <filesystem>
#include <memory>

#include "io/state_dict.h"
#include "models/sam/weights.h"
#include "models/sam_adapter/model.h"
#include "nn/load.h"

namespace cambium::sam_adapter {

// SAM's tensors under the adapter's names: pe_layer and no_mask_embed from the prompt encoder, whose other tensors are
// left out; mask tokens, their networks and the IoU head repeated or cut for several `classes` (class 0, the
// background, begins as SAM's mask 0, class c as its mask 1 + (c - 1) mod 3).
io::StateDict adapter_state(const io::StateDict& sam, int64_t classes);

struct FromSam {
  // SAM's own position basis and no-mask vector. The original does not find them under its names, and draws new ones.
  bool keep_prompt_encoder = true;
  nn::LoadOptions load = {};  // device and dtype
};

// A model on SAM's weights. What SAM lacks is drawn: the prompt generator as the original does it; without
// keep_prompt_encoder the basis and the vector from N(0, 1).
std::shared_ptr<SamAdapter> from_sam(const sam::Weights& weights, const SamAdapterOptions& options, FromSam how,
                                     at::Generator& generator);

// Whether these are the tensors of a whole SAM-Adapter (its names, backbone included).
bool is_sam_adapter(const io::StateDict& state);

// Options of a whole SAM-Adapter by its shapes. The embedding layout cannot be seen in them: official, as all released
// ones need it. Error naming source and tensor.
SamAdapterOptions options_of(const io::StateDict& state);

// A released checkpoint (the original's full state dict) as a model. Errors as sam::read_weights and nn::load_state.
std::shared_ptr<SamAdapter> open(const io::StateDict& state, const nn::LoadOptions& load = {});

}  // namespace cambium::sam_adapter
