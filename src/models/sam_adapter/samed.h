#pragma once
// SAMed's files (Zhang and Liu 2023, arXiv 2304.13785): LoRA on q and v of every block, with the prompt encoder and the
// decoder that were trained beside it. The decoder has one mask token a class.
#include <filesystem>
#include <memory>

#include "io/state_dict.h"
#include "models/sam/image_encoder.h"
#include "models/sam/weights.h"
#include "models/sam_adapter/model.h"
#include "nn/load.h"

namespace cambium::sam_adapter {

// Whether a state dict is one: it holds w_a_000 and w_b_000.
bool is_samed(const io::StateDict& state);

// Puts SAMed's terms beside the blocks' qkv: w_a_%03d [r, C] and w_b_%03d [C, r], number 2 i of block i's q, 2 i + 1 of
// its v, without a scale. Error naming the file and the tensor: one missing, or of another size than the encoder's.
void add_samed(sam::ImageEncoder& encoder, const io::StateDict& state);

// A foundation and a SAMed file as a model. Errors: no SAMed file; as add_samed and nn::load_state.
std::shared_ptr<SamAdapter> open_samed(const sam::Weights& foundation, const std::filesystem::path& file,
                                       const nn::LoadOptions& load = {});

}  // namespace cambium::sam_adapter
