#pragma once
// A model's sizes from the shapes of its tensors: what the loaders of every model ask of a state dict. All errors name
// its source and the tensor.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "io/state_dict.h"

namespace cambium::io {

// The tensor of that name. Error unless it has that many dimensions, none of them empty.
const at::Tensor& shaped(const StateDict& state, std::string_view name, int64_t dims);

// How many of prefix0tail, prefix1tail, ... there are. Error where there is none.
int64_t count(const StateDict& state, const std::string& prefix, const std::string& tail);

// Throws an Error about a tensor.
[[noreturn]] void refuse(const StateDict& state, std::string_view name, const std::string& what);

// Calls `validate` of options that were inferred: what would be a UsageError is an Error of the file, which is at fault
// and not the command.
void validate_inferred(const StateDict& state, const std::function<void()>& validate);

}  // namespace cambium::io
