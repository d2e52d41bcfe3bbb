#pragma once
// Memory that may go to disk: for tensors that are larger than what a run may keep in memory.
#include <cstddef>
#include <filesystem>

#include "io/shared_bytes.h"

namespace cambium::io {

// `size` writable bytes, all 0, mapped from a file in `folder`. The file has no name, so that it is gone with the last
// owner, even after a crash; its space is reserved at once, so that a full disk is an error here and not a signal
// later. Error naming the folder: missing, not writable, or without so much space.
SharedBytes scratch_bytes(size_t size, const std::filesystem::path& folder);

}  // namespace cambium::io
