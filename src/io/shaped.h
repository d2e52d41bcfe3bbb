#pragma once
#include <string_view>

#include "io/state_dict.h"

namespace cambium::io {

// The tensor of that name, which must have `dims` dimensions, none of them empty: what sizes are inferred from. Error
// as StateDict::at, or naming the tensor and its shape.
const at::Tensor& shaped(const StateDict& state, std::string_view name, int64_t dims);

}  // namespace cambium::io
