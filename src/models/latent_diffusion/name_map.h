#pragma once
// Names of tensors in two layouts of one network, by the paths of its modules.
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "io/state_dict.h"

namespace cambium::latent_diffusion {

// A name is translated by the longest path of its own that is known; what follows the path stays as it is. Paths may
// be listed that a network does not have.
class NameMap {
 public:
  // The module, or the parameter, that stands at `theirs` in one layout and at `ours` in the canonical one.
  void add(const std::string& theirs, const std::string& ours);

  // Nothing where no path of the name is known.
  std::optional<std::string> to_ours(const std::string& name) const { return translate(theirs_, name); }
  std::optional<std::string> to_theirs(const std::string& name) const { return translate(ours_, name); }

 private:
  using Paths = std::unordered_map<std::string, std::string>;
  static std::optional<std::string> translate(const Paths& paths, const std::string& name);

  Paths theirs_, ours_;  // from
};

// All names of a state dict, for questions about what is there.
class NameSet {
 public:
  explicit NameSet(const io::StateDict& state);
  bool contains(std::string_view name) const { return names_.contains(name); }
  bool any_below(std::string_view prefix) const;
  // How many of prefix + 0 + tail, prefix + 1 + tail, ... begin a name.
  int64_t count(const std::string& prefix, const std::string& tail) const;

 private:
  std::set<std::string, std::less<>> names_;
};

// The same tensors in the same order under other names; source and metadata stay.
io::StateDict renamed(const io::StateDict& state, const std::function<std::string(const std::string&)>& name);

}  // namespace cambium::latent_diffusion
