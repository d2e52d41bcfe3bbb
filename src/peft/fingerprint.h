#pragma once
// Which foundation a delta belongs to, without reading it all.
#include <string>

#include "io/state_dict.h"

namespace cambium::peft {

// SHA-256 over the sorted names and shapes: equal where the same delta fits.
std::string architecture(const io::NamedTensors& tensors);

// SHA-256 over the sorted names and 64 evenly spaced values of each tensor, rounded to bfloat16: equal for copies in
// other containers and for bfloat16 copies, and instant for memory-mapped files.
std::string fingerprint(const io::NamedTensors& tensors);

}  // namespace cambium::peft
