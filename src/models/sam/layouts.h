#pragma once
// Public layouts of SAM checkpoints other than the official one, as tables of names.
#include "io/state_dict.h"

namespace cambium::sam {

// transformers' SamModel, by its names.
bool is_hugging_face(const io::StateDict& state);
// Its tensors under official names; names that the table lacks stay as they are.
io::StateDict from_hugging_face(const io::StateDict& state);

}  // namespace cambium::sam
