#include "parity/golden.h"

#include <algorithm>
#include <fstream>

#include "core/error.h"
#include "io/safetensors.h"

namespace cambium::parity {
namespace {

bool only_numbers(const Json& list) {
  return std::all_of(list.begin(), list.end(),
                     [](const Json& e) { return e.is_number() || (e.is_array() && only_numbers(e)); });
}

void collect(const Json& value, Path& path, std::vector<std::pair<Path, const Json*>>& out) {
  if (is_leaf(value)) {
    out.emplace_back(path, &value);
    return;
  }
  const auto enter = [&](std::string key, const Json& child) {
    path.push_back(std::move(key));
    collect(child, path, out);
    path.pop_back();
  };
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) enter(key, child);
  } else {
    for (size_t i = 0; i < value.size(); ++i) enter(std::to_string(i), value[i]);
  }
}

bool match(std::string_view glob, std::string_view name) {
  // Backtracks to the last star only, which is enough for globs of stars and literals.
  size_t g = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (g < glob.size() && glob[g] == name[n]) {
      ++g, ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

Tolerance parse_tolerance(const Json& entry, const std::string& file, const std::string& glob) {
  const auto fail = [&](const std::string& what) { throw Error({.what = what, .file = file, .field = "tol." + glob}); };
  if (!entry.is_object() || entry.empty()) fail("a tolerance must be an object with at least one entry");
  Tolerance out;
  for (const auto& [key, value] : entry.items()) {
    const auto number = [&, &key = key, &value = value] {
      if (!value.is_number() || value.get<double>() < 0) fail(key + " must be a number of 0 or more");
      return value.get<double>();
    };
    if (key == "abs")
      out.abs = number();
    else if (key == "rel")
      out.rel = number();
    else if (key == "of_max")
      out.of_max = number();
    else if (key == "of_row")
      out.of_row = number();
    else if (key == "exact")
      out.exact = value.get<bool>();
    else if (key == "skip")
      out.skip = value.get<std::string>();
    else if (key == "rows")
      out.rows = value.get<std::vector<int64_t>>();
    else
      fail("unknown entry " + key);
  }
  return out;
}

Json parse_json(const std::string& text, const std::string& file) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error({.what = std::string("not valid JSON: ") + error.what(), .file = file});
  }
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error({.what = "cannot be opened", .file = path.string()});
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

std::string join(const Path& path) {
  std::string out;
  for (const auto& part : path) out += (out.empty() ? "" : ".") + part;
  return out;
}

bool is_leaf(const Json& value) { return value.is_primitive() || (value.is_array() && only_numbers(value)); }

std::vector<std::pair<Path, const Json*>> leaves(const Json& value) {
  std::vector<std::pair<Path, const Json*>> out;
  Path path;
  collect(value, path, out);
  return out;
}

const Json* find(const Json& root, const Path& path) {
  const Json* at = &root;
  for (const auto& part : path) {
    if (at->is_object()) {
      const auto it = at->find(part);
      if (it == at->end()) return nullptr;
      at = &*it;
    } else if (at->is_array()) {
      const size_t index = std::stoul(part);
      if (index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

bool glob_matches(std::string_view glob, std::string_view name) {
  if (glob.starts_with("config.") != name.starts_with("config.")) return false;
  return match(glob, name);
}

bool Golden::is_input(std::string_view name) const {
  return std::any_of(inputs.begin(), inputs.end(), [&](const auto& glob) { return glob_matches(glob, name); });
}

const Tolerance* Golden::tolerance(std::string_view name) const {
  const auto it = std::find_if(tol.begin(), tol.end(), [&](const auto& t) { return glob_matches(t.first, name); });
  return it == tol.end() ? nullptr : &it->second;
}

Golden read_golden(const std::filesystem::path& path) {
  Golden golden;
  golden.path = path;
  const std::string file = path.string();
  golden.is_json = path.extension() == ".json";
  if (golden.is_json) {
    golden.config = parse_json(read_text(path), file);
  } else {
    golden.tensors = io::read_safetensors(path);
    const auto config = golden.tensors.metadata.find("config");
    if (config == golden.tensors.metadata.end()) {
      throw Error({.what = "no config in the metadata", .file = file, .mend = "golden files hold one"});
    }
    golden.config = parse_json(config->second, file);
  }
  try {
    golden.kind = golden.config.at("kind").get<std::string>();
    golden.inputs = golden.config.at("inputs").get<std::vector<std::string>>();
    for (const auto& [glob, entry] : golden.config.at("tol").items()) {
      golden.tol.emplace_back(glob, parse_tolerance(entry, file, glob));
    }
  } catch (const nlohmann::json::exception& error) {
    throw Error({.what = std::string("kind, inputs or tol is missing or wrong: ") + error.what(), .file = file});
  }
  return golden;
}

}  // namespace cambium::parity
