#pragma once
// The safetensors container: an 8-byte header length, a JSON header, then the tensors' bytes without gaps.
// Format: https://github.com/huggingface/safetensors, "Format".
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <c10/core/ScalarType.h>

#include "io/shared_bytes.h"
#include "io/state_dict.h"

namespace cambium::io {

// Metadata of ours: a JSON list of the names that are StateDict::extras rather than part of the model.
inline constexpr const char* kExtrasKey = "cambium.extras";

// Maps the file; the tensors point into the private map and keep it alive, so opening costs no copy. They may be
// written to (the file does not change). Errors name the file and the tensor: truncated, header not JSON, header length
// out of range, duplicate name, unsupported type, shape that disagrees with its bytes, overlap, gap.
StateDict read_safetensors(const std::filesystem::path& path);
// The same over bytes; `source` names them in errors.
StateDict parse_safetensors(const SharedBytes& bytes, const std::string& source);
// Whether bytes begin as a safetensors file does. They may still be torn.
bool looks_like_safetensors(std::string_view bytes);

// Writes the file whole or not at all, one tensor at a time: what is not contiguous, on the CPU or of the type wanted
// is converted alone, so memory holds one tensor more than before. The data start at a multiple of 64 bytes and larger
// elements come first, so that every tensor is aligned when mapped; the header keeps the order given. `floating`
// converts floating tensors on the way. Extras are written as tensors and named in the metadata.
// Errors: a name given twice, a type the format lacks, no space.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       std::optional<c10::ScalarType> floating = std::nullopt);
void write_safetensors(const std::filesystem::path& path, const StateDict& state,
                       std::optional<c10::ScalarType> floating = std::nullopt);

}  // namespace cambium::io
