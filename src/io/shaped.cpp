#include "io/shaped.h"

#include "core/error.h"
#include "io/dtype.h"

namespace cambium::io {
namespace {

constexpr const char* kLook = "see what it holds with cambium inspect";

}  // namespace

const at::Tensor& shaped(const StateDict& state, std::string_view name, int64_t dims) {
  const at::Tensor& t = state.at(name);
  if (t.dim() != dims || t.numel() == 0) {
    refuse(state, name,
           "expected a tensor of " + std::to_string(dims) + " dimensions, got shape " + shape_text(t.sizes()));
  }
  return t;
}

int64_t count(const StateDict& state, const std::string& prefix, const std::string& tail) {
  int64_t n = 0;
  while (state.contains(prefix + std::to_string(n) + tail)) ++n;
  if (n == 0) refuse(state, prefix + "0" + tail, "there is no such tensor");
  return n;
}

void refuse(const StateDict& state, std::string_view name, const std::string& what) {
  throw Error({.what = what, .file = state.source, .field = std::string(name), .mend = kLook});
}

void validate_inferred(const StateDict& state, const std::function<void()>& validate) {
  try {
    validate();
  } catch (const UsageError& e) {
    throw Error({.what = "the sizes that its tensors imply make no model: " + e.info().what,
                 .file = state.source,
                 .field = e.info().field,
                 .mend = kLook});
  }
}

}  // namespace cambium::io
