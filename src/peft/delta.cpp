#include "peft/delta.h"

#include "core/error.h"
#include "core/log.h"
#include "io/safetensors.h"
#include "nn/load.h"
#include "peft/fingerprint.h"

namespace cambium::peft {
namespace {

constexpr const char* kFormat = "cambium.delta";

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Foundation Foundation::of(const io::NamedTensors& tensors) {
  return {.architecture = peft::architecture(tensors), .fingerprint = peft::fingerprint(tensors)};
}

void write_delta(const std::filesystem::path& path, const Delta& delta, std::optional<c10::ScalarType> floating) {
  std::map<std::string, std::string> metadata = {{"format", kFormat},
                                                 {"system", delta.system},
                                                 {"method", delta.method},
                                                 {"recipe", delta.recipe},
                                                 {"foundation.architecture", delta.foundation.architecture},
                                                 {"foundation.fingerprint", delta.foundation.fingerprint}};
  if (delta.swappable) metadata["swappable"] = "true";
  io::write_safetensors(path, delta.tensors, metadata, floating);
}

Delta read_delta(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    throw Error({.what = "there is no such delta",
                 .file = path.string(),
                 .mend = "give the delta.safetensors of a run folder"});
  }
  io::StateDict state = io::read_safetensors(path);
  const auto field = [&](const char* name) -> std::string {
    const auto found = state.metadata.find(name);
    if (found == state.metadata.end()) {
      throw Error({.what = "is missing from the header",
                   .file = path.string(),
                   .field = name,
                   .mend = "the file is no whole delta; make it again"});
    }
    return found->second;
  };
  if (const auto format = state.metadata.find("format"); format == state.metadata.end() || format->second != kFormat) {
    throw Error(
        {.what = "is no delta",
         .file = path.string(),
         .field = "format",
         .mend =
             "a whole model goes to --weights; a delta is what a run with a foundation leaves as delta.safetensors"});
  }
  Delta delta{
      .source = path.string(),
      .system = field("system"),
      .method = field("method"),
      .recipe = field("recipe"),
      .foundation = {.architecture = field("foundation.architecture"), .fingerprint = field("foundation.fingerprint")}};
  for (const auto& [name, digest] : {std::pair{"foundation.architecture", delta.foundation.architecture},
                                     std::pair{"foundation.fingerprint", delta.foundation.fingerprint}}) {
    if (!is_digest(digest)) {
      throw Error({.what = "is not a SHA-256 of 64 hexadecimal digits",
                   .file = path.string(),
                   .field = name,
                   .mend = "the file is damaged; make it again"});
    }
  }
  const auto swappable = state.metadata.find("swappable");
  delta.swappable = swappable != state.metadata.end() && swappable->second == "true";
  delta.tensors = std::move(state.tensors);
  return delta;
}

void check_foundation(const Delta& delta, const Foundation& foundation, const std::filesystem::path& weights,
                      bool allow) {
  if (delta.foundation.architecture != foundation.architecture) {
    throw Error({.what = "was trained beside a model of other sizes than " + weights.string(),
                 .file = delta.source,
                 .field = "foundation.architecture",
                 .mend = "give the weights that the run named as its foundation"});
  }
  if (delta.foundation.fingerprint == foundation.fingerprint || delta.swappable) return;
  if (!allow) {
    throw Error(
        {.what = "was trained beside other weights than " + weights.string(),
         .file = delta.source,
         .field = "foundation.fingerprint",
         .mend = "give the weights that the run named as its foundation, or pass --allow-foundation to try these"});
  }
  log::warn(delta.source + ": was trained beside other weights than " + weights.string() + "; used all the same");
}

void apply_delta(torch::nn::Module& module, const Delta& delta) {
  nn::LoadOptions options;
  for (const auto& [name, tensor] : nn::state_tensors(module)) {
    if (!tensor.requires_grad()) options.may_miss.push_back(name);
  }
  const std::set<std::string> frozen(options.may_miss.begin(), options.may_miss.end());
  for (const auto& [name, tensor] : delta.tensors) {
    if (frozen.contains(name)) {
      throw Error({.what = "is not trained by the method " + delta.method,
                   .file = delta.source,
                   .field = name,
                   .mend = "make the delta again"});
    }
  }
  nn::load_state(module, {.source = delta.source, .tensors = delta.tensors}, options);
}

}  // namespace cambium::peft
