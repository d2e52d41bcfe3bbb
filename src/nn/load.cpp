#include "nn/load.h"

#include <c10/core/GradMode.h>

#include <map>
#include <sstream>

#include "core/error.h"
#include "core/glob.h"
#include "io/dtype.h"

namespace cambium::nn {
namespace {

void collect(const torch::nn::Module& module, const std::string& prefix,
             std::vector<std::pair<std::string, at::Tensor>>& out) {
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    out.emplace_back(prefix + item.key(), item.value());
  for (const auto& item : module.named_buffers(/*recurse=*/false)) out.emplace_back(prefix + item.key(), item.value());
  for (const auto& child : module.named_children()) collect(*child.value(), prefix + child.key() + ".", out);
}

bool is_weight(const std::string& name, const at::Tensor& t) {
  return t.dim() >= 2 && at::isFloatingType(t.scalar_type()) && name.size() >= 6 &&
         name.compare(name.size() - 6, 6, "weight") == 0;
}

// "3 missing (a [1], b [2])", first five.
void list(std::ostringstream& text, const char* kind, const std::vector<std::string>& items) {
  if (items.empty()) return;
  if (text.tellp() > 0) text << "; ";
  text << items.size() << ' ' << kind << " (";
  for (size_t i = 0; i < items.size() && i < 5; ++i) text << (i ? ", " : "") << items[i];
  text << (items.size() > 5 ? ", ...)" : ")");
}

// Replaces a parameter's contents. Counted as a change: a packed copy of the old ones must not survive, even if the new
// ones come to lie at the same address.
void replace(at::Tensor parameter, const at::Tensor& contents) {
  parameter.set_data(contents);
  parameter.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> state_tensors(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> out;
  collect(module, "", out);
  return out;
}

void load_state(torch::nn::Module& module, const io::StateDict& state, const LoadOptions& options) {
  const auto targets = state_tensors(module);
  std::map<std::string, const at::Tensor*> given;
  for (const auto& [name, tensor] : state.tensors) given.emplace(name, &tensor);

  std::vector<std::string> missing, unexpected, wrong;
  std::set<std::string> known;
  for (const auto& [name, target] : targets) {
    known.insert(name);
    const auto found = given.find(name);
    if (found == given.end()) {
      if (!glob_matches_any(options.may_miss, name)) missing.push_back(name + " " + io::shape_text(target.sizes()));
    } else if (found->second->sizes() != target.sizes()) {
      wrong.push_back(name + " " + io::shape_text(found->second->sizes()) + " where the model has " +
                      io::shape_text(target.sizes()));
    } else if (at::isFloatingType(found->second->scalar_type()) != at::isFloatingType(target.scalar_type())) {
      wrong.push_back(name + " of type " + c10::toString(found->second->scalar_type()) + " where the model has " +
                      c10::toString(target.scalar_type()));
    }
  }
  for (const auto& [name, tensor] : state.tensors) {
    if (!known.contains(name) && !glob_matches_any(options.may_have, name))
      unexpected.push_back(name + " " + io::shape_text(tensor.sizes()));
  }
  std::ostringstream text;
  list(text, "missing", missing);
  list(text, "unexpected", unexpected);
  list(text, "wrongly shaped", wrong);
  if (text.tellp() > 0) {
    throw Error({.what = "the tensors do not match the model: " + text.str(),
                 .file = state.source,
                 .mend = "check that the file belongs to this model and size (cambium inspect lists its tensors)"});
  }

  const at::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    const auto found = given.find(name);
    if (found == given.end()) continue;
    const c10::ScalarType dtype =
        options.weight_dtype && is_weight(name, target) ? *options.weight_dtype : target.scalar_type();
    // Takes the tensor over where dtype and device are right already; converts once otherwise.
    replace(target, found->second->to(options.device, dtype).contiguous());
  }
}

void cast_frozen(torch::nn::Module& module, c10::ScalarType dtype) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_tensors(module)) {
    if (tensor.requires_grad() || !is_weight(name, tensor) || tensor.scalar_type() == dtype) continue;
    replace(tensor, tensor.to(dtype));
  }
}

}  // namespace cambium::nn
