#include "train/checkpoint.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <unordered_map>
#include <unordered_set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"
#include "io/safetensors.h"

namespace cambium::train {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr const char* kFormat = "cambium-checkpoint";
constexpr int64_t kVersion = 1;
constexpr const char* kPrefix = "step_";

std::string folder_name(int64_t step) {
  char text[40];
  std::snprintf(text, sizeof text, "%s%08lld", kPrefix, static_cast<long long>(step));
  return text;
}

// The step of "step_00001000", or nothing for any other name.
std::optional<int64_t> folder_step(const std::string& name) {
  const std::string_view prefix = kPrefix;
  int64_t step = 0;
  if (name.size() < prefix.size() + 8 || name.compare(0, prefix.size(), prefix) != 0) return std::nullopt;
  const auto [end, code] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step);
  if (code != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

std::string hex(const std::string& bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

std::string unhex(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::string file_sha256(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  Sha256 sum;
  std::vector<char> block(1 << 20);
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
    sum.update(block.data(), static_cast<size_t>(stream.gcount()));
  }
  if (stream.bad() || !stream.eof())
    throw Error({.what = "cannot read", .file = path.string(), .mend = "check the disk"});
  return sum.hex();
}

// What a user can do about a damaged checkpoint.
std::string way_back(const fs::path& folder) {
  const auto damaged = folder_step(folder.filename().string());
  fs::path earlier;
  for (const fs::path& other : list_checkpoints(folder.parent_path().parent_path())) {
    if (damaged && *folder_step(other.filename().string()) < *damaged) earlier = other;
  }
  if (earlier.empty()) return "there is no earlier checkpoint: start again in another run folder";
  return "delete " + folder.string() + " to go on from " + earlier.filename().string();
}

[[noreturn]] void damaged(const fs::path& folder, const fs::path& file, const std::string& what) {
  throw Error({.what = what, .file = file.string(), .mend = way_back(folder)});
}

void prune(const fs::path& run, int64_t keep) {
  const fs::path all = run / "checkpoints";
  std::error_code ignored;
  std::vector<fs::path> doomed;
  for (const auto& entry : fs::directory_iterator(all, ignored)) {
    // What a killed process left half-written or half-removed.
    if (entry.path().filename().string().rfind(std::string(".") + kPrefix, 0) == 0) doomed.push_back(entry.path());
  }
  if (keep > 0) {
    std::vector<fs::path> whole = list_checkpoints(run);
    const size_t spare = whole.size() - std::min(whole.size(), static_cast<size_t>(keep));
    for (size_t i = 0; i < spare; ++i) {
      const fs::path aside = all / ("." + whole[i].filename().string() + ".old");
      fs::rename(whole[i], aside, ignored);  // gone at once: a half-removed folder never passes for a checkpoint
      doomed.push_back(aside);
    }
  }
  for (const fs::path& path : doomed) fs::remove_all(path, ignored);
}

json read_state(const fs::path& folder) {
  const fs::path file = folder / "state.json";
  if (!fs::exists(file)) damaged(folder, file, "is missing");
  json state = json::parse(read_file(file, size_t{1} << 30), nullptr, false);
  if (!state.is_object() || state.value("format", "") != kFormat)
    damaged(folder, file, "is damaged: not the state of a checkpoint");
  if (state.value("version", int64_t{0}) != kVersion) {
    throw Error({.what = "was written by another version of this program",
                 .file = file.string(),
                 .field = "version",
                 .mend = "continue the run with the program that began it"});
  }
  const std::string sum = state.value("sum", "");
  state.erase("sum");
  if (sum != sha256_hex(state.dump())) damaged(folder, file, "is damaged: its own sum does not match");
  return state;
}

std::string list_first(const std::vector<std::string>& names) {
  std::string text = std::to_string(names.size()) + " (";
  for (size_t i = 0; i < names.size() && i < 5; ++i) text += (i ? ", " : "") + names[i];
  return text + (names.size() > 5 ? ", ...)" : ")");
}

}  // namespace

std::vector<fs::path> list_checkpoints(const fs::path& run) {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", code)) {
    if (entry.is_directory() && folder_step(entry.path().filename().string())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return *folder_step(a.filename().string()) < *folder_step(b.filename().string());
  });
  return found;
}

std::optional<fs::path> find_checkpoint(const fs::path& run) {
  const fs::path last = run / "checkpoints" / "last";
  if (fs::exists(last)) {
    std::string name = read_file(last, 4096);
    name.erase(name.find_last_not_of(" \n") + 1);
    if (folder_step(name) && fs::is_directory(run / "checkpoints" / name)) return run / "checkpoints" / name;
  }
  const std::vector<fs::path> all = list_checkpoints(run);
  if (all.empty()) return std::nullopt;
  return all.back();
}

fs::path save_checkpoint(const fs::path& run, const CheckpointState& state, const CheckpointTensors& tensors,
                         int64_t keep) {
  const std::string name = folder_name(state.step);
  const fs::path path = run / "checkpoints" / name;
  try {
    AtomicDirectory folder(path);
    json files = json::object();
    const auto write = [&](const char* file, const NamedTensors& what,
                           const std::map<std::string, std::string>& metadata) {
      const fs::path at = folder.temporary() / file;
      io::write_safetensors(at, what, metadata);
      files[file] = {{"bytes", fs::file_size(at)}, {"sha256", file_sha256(at)}};
    };
    write("model.safetensors", tensors.model, tensors.metadata);
    write("optimizer.safetensors", tensors.optimizer, {});
    if (!tensors.ema.empty()) write("ema.safetensors", tensors.ema, tensors.metadata);

    json generators = json::array();
    for (const std::string& generator : state.generators) generators.push_back(hex(generator));
    json body = {{"format", kFormat},        {"version", kVersion},          {"step", state.step},
                 {"world", state.world},     {"threads", state.threads},     {"seed", state.seed},
                 {"seconds", state.seconds}, {"schedules", state.schedules}, {"generators", std::move(generators)},
                 {"data", state.data},       {"versions", state.versions},   {"files", std::move(files)}};
    body["sum"] = sha256_hex(body.dump());
    write_file(folder.temporary() / "state.json", body.dump(1) + "\n");
    folder.commit();
  } catch (const Error& error) {
    throw Error({.what = "cannot save the checkpoint: " + error.info().what,
                 .file = path.string(),
                 .mend = error.info().mend + "; earlier checkpoints are whole"});
  }
  write_file(run / "checkpoints" / "last", name + "\n");
  prune(run, keep);
  return path;
}

CheckpointState read_checkpoint(const fs::path& folder) {
  const json body = read_state(folder);
  CheckpointState state;
  try {
    for (const auto& [name, expected] : body.at("files").items()) {
      const fs::path file = folder / name;
      std::error_code code;
      const auto bytes = fs::file_size(file, code);
      if (code) damaged(folder, file, "is missing");
      if (bytes != expected.at("bytes").get<uintmax_t>()) {
        damaged(
            folder, file,
            "is torn: " + std::to_string(bytes) + " bytes of " + std::to_string(expected.at("bytes").get<uintmax_t>()));
      }
      if (file_sha256(file) != expected.at("sha256").get<std::string>())
        damaged(folder, file, "is damaged: its bytes have changed");
    }
    state.step = body.at("step");
    state.world = body.at("world");
    state.threads = body.at("threads");
    state.seed = body.at("seed");
    state.seconds = body.at("seconds");
    state.schedules = body.at("schedules");
    for (const json& generator : body.at("generators")) state.generators.push_back(unhex(generator.get<std::string>()));
    for (const json& position : body.at("data")) state.data.push_back(position);
    state.versions = body.at("versions").get<std::map<std::string, std::string>>();
  } catch (const json::exception&) {
    damaged(folder, folder / "state.json", "is damaged: a field is missing or of another type");
  }
  return state;
}

void copy_by_name(const io::StateDict& from, const NamedTensors& into) {
  const at::NoGradGuard guard;
  std::unordered_map<std::string, const at::Tensor*> source;
  for (const auto& [name, tensor] : from.tensors) source.emplace(name, &tensor);
  std::vector<std::string> missing, unexpected, different;
  std::unordered_set<std::string> wanted;
  for (const auto& [name, tensor] : into) {
    wanted.insert(name);
    const auto found = source.find(name);
    if (found == source.end()) {
      missing.push_back(name);
    } else if (found->second->sizes() != tensor.sizes() || found->second->scalar_type() != tensor.scalar_type()) {
      different.push_back(name + " " + c10::str(found->second->sizes()) + " here " + c10::str(tensor.sizes()));
    }
  }
  for (const auto& [name, tensor] : from.tensors) {
    if (!wanted.contains(name)) unexpected.push_back(name);
  }
  std::string problems;
  const auto add = [&](const char* label, const std::vector<std::string>& names) {
    if (!names.empty()) problems += std::string(problems.empty() ? "" : "; ") + label + " " + list_first(names);
  };
  add("missing", missing);
  add("unexpected", unexpected);
  add("of another shape or type", different);
  if (!problems.empty()) {
    throw Error({.what = "its tensors are not this model's: " + problems,
                 .file = from.source,
                 .mend = "resume with the recipe that began the run"});
  }
  for (const auto& [name, tensor] : into) {
    at::Tensor target = tensor.detach();
    target.copy_(*source.at(name));
  }
}

}  // namespace cambium::train
