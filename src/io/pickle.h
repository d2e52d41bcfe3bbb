#pragma once
// Interprets the pickles that torch.save and TorchScript write, as data alone: nothing is ever called or imported.
// Opcodes: Python's Lib/pickletools.py, protocols 2 to 4. What is not on the lists of this reader is refused by name.
#include <string>
#include <string_view>

#include "io/pickle_value.h"

namespace cambium::io {

// Bounds on what a file may ask for; far above any real checkpoint.
struct PickleLimits {
  size_t values = 4'000'000;  // all values together
  size_t stack = 1'000'000;   // values and marks waiting
  size_t memo = 2'000'000;
};

// Reads one pickle that starts at `position` and moves position behind it. Tensors are left as specs: their memory lies
// outside the pickle. Errors name the source: truncated, an opcode or class that is not allowed, a limit exceeded,
// arguments that do not fit.
PickleTree parse_pickle(std::string_view bytes, size_t& position, const std::string& source,
                        const PickleLimits& limits = {});

}  // namespace cambium::io
