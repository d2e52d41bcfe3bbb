#include "io/convert.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "io/inspect.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "io/weights_file.h"

namespace cambium::io {
namespace {

namespace fs = std::filesystem;

bool writes_safetensors(const fs::path& out) {
  const std::string ending = out.extension().string();
  if (ending == ".safetensors") return true;
  constexpr std::array<std::string_view, 4> kPth = {".pth", ".pt", ".ckpt", ".bin"};
  if (std::find(kPth.begin(), kPth.end(), ending) != kPth.end()) return false;
  throw UsageError({.what = "does not say which container to write",
                    .file = out.string(),
                    .mend = "end the name in .safetensors or .pth"});
}

// What stands in a checkpoint beside its state dict and is no tensor: the optimizer, the iteration.
std::vector<std::string> dropped_keys(const WeightsInfo& info) {
  std::vector<std::string> dropped;
  for (const auto& [key, value] : info.top_level) {
    if (key != info.key && !value.starts_with("tensor ")) dropped.push_back(key);
  }
  return dropped;
}

}  // namespace

ConvertResult convert_weights(const fs::path& in, const fs::path& out, const ConvertOptions& options) {
  const bool safetensors = writes_safetensors(out);
  StateDict state = load_weights(in, options.key);
  ConvertResult result{.dropped = dropped_keys(inspect_weights(in, options.key))};
  if (options.rename) state = options.rename(std::move(state));
  if (safetensors) {
    state.metadata.emplace("format", "pt");  // transformers refuses a file without it
    write_safetensors(out, state, options.floating);
  } else {
    write_pth(out, state, options.floating);
  }
  result.tensors = static_cast<int64_t>(state.tensors.size());
  result.bytes = static_cast<int64_t>(fs::file_size(out));
  return result;
}

}  // namespace cambium::io
