#include "models/latent_diffusion/name_map.h"

namespace cambium::latent_diffusion {

void NameMap::add(const std::string& theirs, const std::string& ours) {
  theirs_.emplace(theirs, ours);
  ours_.emplace(ours, theirs);
}

std::optional<std::string> NameMap::translate(const Paths& paths, const std::string& name) {
  for (size_t end = name.size(); end != std::string::npos && end > 0; end = name.rfind('.', end - 1)) {
    const auto found = paths.find(name.substr(0, end));
    if (found != paths.end()) return found->second + name.substr(end);
  }
  return std::nullopt;
}

NameSet::NameSet(const io::StateDict& state) {
  for (const auto& [name, tensor] : state.tensors) names_.insert(name);
}

bool NameSet::any_below(std::string_view prefix) const {
  const auto found = names_.lower_bound(prefix);
  return found != names_.end() && found->starts_with(prefix);
}

int64_t NameSet::count(const std::string& prefix, const std::string& tail) const {
  int64_t n = 0;
  while (any_below(prefix + std::to_string(n) + tail)) ++n;
  return n;
}

io::StateDict renamed(const io::StateDict& state, const std::function<std::string(const std::string&)>& name) {
  io::StateDict out{.source = state.source, .metadata = state.metadata};
  out.tensors.reserve(state.tensors.size());
  for (const auto& [old, tensor] : state.tensors) out.tensors.emplace_back(name(old), tensor);
  return out;
}

}  // namespace cambium::latent_diffusion
