// Which of a checkpoint's values is the model's state dict.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "core/error.h"
#include "io/pth.h"

namespace cambium::io {
namespace {

using Kind = PickleValue::Kind;

constexpr std::array<std::string_view, 3> kUsualKeys = {"model", "state_dict", "model_state_dict"};
// Put before every name by DataParallel and DistributedDataParallel, and by torch.compile.
constexpr std::array<std::string_view, 2> kWrappers = {"module.", "_orig_mod."};
constexpr size_t kDeepest = 64;
constexpr size_t kMostVisits = 1'000'000;
constexpr size_t kLongestName = 1000;

// Tensors of a flat dict. As in Python, a key given twice keeps its first place and its last value.
NamedTensors flat_tensors(const PickleValue& dict) {
  NamedTensors tensors;
  std::unordered_map<std::string_view, size_t> index;
  for (const auto& [key, value] : dict.entries) {
    if (!key->is(Kind::string) || !value->is(Kind::tensor)) continue;
    const auto [place, fresh] = index.try_emplace(key->text, tensors.size());
    if (fresh) {
      tensors.emplace_back(key->text, value->tensor);
    } else {
      tensors[place->second].second = value->tensor;
    }
  }
  return tensors;
}

// Parameters and buffers of a TorchScript module: its tensor attributes, and those of the modules among its attributes.
class ModuleWalk {
 public:
  explicit ModuleWalk(const std::string& source) : source_(source) {}

  void visit(const PickleValue& module, const std::string& prefix, size_t depth = 0) {
    if (depth > kDeepest) fail("nests modules more than " + std::to_string(kDeepest) + " deep");
    for (const auto& [key, value] : module.entries) {
      if (++visits_ > kMostVisits) fail("holds more than " + std::to_string(kMostVisits) + " attributes");
      if (!key->is(Kind::string)) continue;
      if (prefix.size() + key->text.size() > kLongestName)
        fail("holds a name of more than " + std::to_string(kLongestName) + " bytes");
      if (value->is(Kind::tensor)) {
        tensors.emplace_back(prefix + key->text, value->tensor);
      } else if (value->is(Kind::object)) {
        visit(*value, prefix + key->text + ".", depth + 1);
      }
    }
  }

  NamedTensors tensors;

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error({.what = what, .file = source_, .mend = "check that this is the right file"});
  }

  const std::string& source_;
  size_t visits_ = 0;
};

NamedTensors tensors_of(const PickleValue& value, const std::string& source) {
  if (value.is(Kind::dict)) return flat_tensors(value);
  if (!value.is(Kind::object)) return {};
  ModuleWalk walk(source);
  walk.visit(value, "");
  return std::move(walk.tensors);
}

void strip_wrappers(NamedTensors& tensors) {
  for (const std::string_view wrapper : kWrappers) {
    const bool all = !tensors.empty() && std::all_of(tensors.begin(), tensors.end(), [&](const auto& item) {
      return item.first.starts_with(wrapper) && item.first.size() > wrapper.size();
    });
    if (!all) continue;
    for (auto& [name, tensor] : tensors) name.erase(0, wrapper.size());
  }
}

// "model_ema", "params": the keys whose values hold tensors.
std::string usable_keys(const PickleValue& root, const std::string& source) {
  constexpr size_t kLookedAt = 32;
  std::string keys;
  for (size_t i = 0; i < std::min(root.entries.size(), kLookedAt); ++i) {
    const auto& [key, value] = root.entries[i];
    if (key->is(Kind::string) && !tensors_of(*value, source).empty())
      keys += (keys.empty() ? "" : ", ") + describe(*key);
  }
  return keys;
}

}  // namespace

StateDict PthFile::state_dict(std::string_view key) const {
  if (auto state = find_state_dict(key)) return *std::move(state);
  const std::string keys = usable_keys(root(), source_);
  const bool missing = !key.empty() && root().get(key) == nullptr;
  throw Error({.what = missing ? "is not a key of this file" : "holds no tensors by name",
               .file = source_,
               .field = std::string(key),
               .mend = keys.empty() ? "see what it holds with cambium inspect"
                                    : "name the key that holds the weights, one of " + keys});
}

std::optional<StateDict> PthFile::find_state_dict(std::string_view key) const {
  const PickleValue& top = root();
  const PickleValue* chosen = &top;
  if (!key.empty()) {
    chosen = top.get(key);
  } else if (top.is(Kind::dict)) {
    for (const std::string_view usual : kUsualKeys) {
      const PickleValue* value = top.get(usual);
      if (value == nullptr || tensors_of(*value, source_).empty()) continue;
      chosen = value;
      key = usual;
      break;
    }
  }
  StateDict state{.source = source_, .key = std::string(key)};
  if (chosen != nullptr) state.tensors = tensors_of(*chosen, source_);
  if (state.tensors.empty()) return std::nullopt;
  if (chosen != &top && top.is(Kind::dict)) state.extras = flat_tensors(top);
  strip_wrappers(state.tensors);
  return state;
}

}  // namespace cambium::io
