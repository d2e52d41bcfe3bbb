#include "io/shaped.h"

#include "core/error.h"
#include "io/dtype.h"

namespace cambium::io {

const at::Tensor& shaped(const StateDict& state, std::string_view name, int64_t dims) {
  const at::Tensor& t = state.at(name);
  if (t.dim() != dims || t.numel() == 0) {
    throw Error(
        {.what = "expected a tensor of " + std::to_string(dims) + " dimensions, got shape " + shape_text(t.sizes()),
         .file = state.source,
         .field = std::string(name)});
  }
  return t;
}

}  // namespace cambium::io
