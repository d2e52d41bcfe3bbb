#include "io/recipe.h"

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"

namespace cambium::io {

// The mapping as read, where it stands, what was asked for, and the resolved mapping that grows beside it.
struct RecipeSection::Node {
  std::string source;
  std::string path;  // "train.optimizer", "" at the top
  YAML::Node yaml;
  YAML::Node resolved{YAML::NodeType::Map};
  std::vector<std::string> known;

  std::string full(const std::string& key) const { return path.empty() ? key : path + "." + key; }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& field, const std::string& what,
                         const std::string& mend) const {
    std::string file = source;
    if (!mark.is_null()) file += ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
    throw UsageError({.what = what, .file = file, .field = field, .mend = mend});
  }
  YAML::Node find(const std::string& key) const {
    // A const look-up: operator[] on a mutable node would insert.
    const YAML::Node& constant = yaml;
    return constant.IsMap() ? constant[key] : YAML::Node(YAML::NodeType::Undefined);
  }
};

namespace {

std::string kind(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (node.IsNull()) return "nothing";
  return "\"" + node.Scalar() + "\"";
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) text += (i ? ", " : "") + words[i];
  return text;
}

std::string number(double value) {
  YAML::Emitter emitter;
  emitter << value;
  return emitter.c_str();
}

template <class T>
const char* type_name();
template <>
const char* type_name<bool>() {
  return "true or false";
}
template <>
const char* type_name<int64_t>() {
  return "a whole number";
}
template <>
const char* type_name<double>() {
  return "a number";
}
template <>
const char* type_name<std::string>() {
  return "text";
}

template <class T>
bool convert(const YAML::Node& node, T& value) {
  if (!node.IsScalar()) return false;
  if constexpr (std::is_same_v<T, int64_t>) {
    // "1e3" and "120_000" are written for whole numbers too.
    std::string text = node.Scalar();
    std::erase(text, '_');
    const YAML::Node plain(text);
    if (YAML::convert<int64_t>::decode(plain, value)) return true;
    double real = 0;
    if (!YAML::convert<double>::decode(plain, real) || std::floor(real) != real || std::abs(real) > 9e15) return false;
    value = static_cast<int64_t>(real);
    return true;
  } else if constexpr (std::is_same_v<T, double>) {
    return YAML::convert<double>::decode(node, value) && !std::isnan(value);
  } else {
    return YAML::convert<T>::decode(node, value);
  }
}

template <class T>
std::string violation(const T& value, const Limits& limits) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (limits.choices.empty()) return {};
    for (const auto& choice : limits.choices) {
      if (choice == value) return {};
    }
    return "one of " + join(limits.choices);
  } else if constexpr (std::is_same_v<T, bool>) {
    return {};
  } else {
    const double x = static_cast<double>(value);
    if (limits.low_open ? x <= limits.low : x < limits.low)
      return (limits.low_open ? "above " : "at least ") + number(limits.low);
    if (x > limits.high) return "at most " + number(limits.high);
    return {};
  }
}

void check_duplicates(const YAML::Node& node, const std::string& source, const std::string& path) {
  if (node.IsSequence()) {
    for (const auto& item : node) check_duplicates(item, source, path);
  }
  if (!node.IsMap()) return;
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (!seen.insert(key).second) {
      const auto mark = entry.first.Mark();
      throw UsageError({.what = "stands twice",
                        .file = source + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1),
                        .field = path + key,
                        .mend = "keep one of them"});
    }
    check_duplicates(entry.second, source, path + key + ".");
  }
}

void apply_override(YAML::Node root, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(
        {.what = "\"" + text + "\" is not key=value", .field = "--set", .mend = "write --set train.lr=1e-4"});
  }
  YAML::Node value;
  try {
    value = YAML::Load(text.substr(equals + 1));
  } catch (const YAML::Exception& error) {
    throw UsageError(
        {.what = "\"" + text + "\" has a value that is not YAML: " + error.msg, .field = "--set", .mend = "quote it"});
  }
  YAML::Node node = root;
  std::string path = text.substr(0, equals);
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.')) {
    YAML::Node next = node[path.substr(0, dot)];
    if (next.IsDefined() && !next.IsNull() && !next.IsMap()) {
      throw UsageError({.what = "\"" + path.substr(0, dot) + "\" holds a value, not a section",
                        .field = "--set " + text,
                        .mend = "check the key"});
    }
    node.reset(next);
    path.erase(0, dot + 1);
  }
  node[path] = value;
}

}  // namespace

bool RecipeSection::has(const char* key) const { return node_->find(key).IsDefined(); }

void RecipeSection::fail(const char* key, const std::string& what, const std::string& mend) const {
  const YAML::Node found = node_->find(key);
  node_->fail(found.IsDefined() ? found.Mark() : node_->yaml.Mark(), node_->full(key), what, mend);
}

template <class T>
void RecipeSection::scalar(const char* key, T& value, const Limits& limits) {
  node_->known.push_back(key);
  if (const YAML::Node found = node_->find(key); found.IsDefined()) {
    T read{};
    if (!convert(found, read)) {
      node_->fail(found.Mark(), node_->full(key), std::string("expected ") + type_name<T>() + ", got " + kind(found),
                  "");
    }
    if (const std::string wanted = violation(read, limits); !wanted.empty()) {
      node_->fail(found.Mark(), node_->full(key), "must be " + wanted + ", got " + found.Scalar(), "");
    }
    value = read;
  }
  node_->resolved[key] = value;
}

template <class T>
void RecipeSection::list(const char* key, std::vector<T>& value, const Limits& limits) {
  node_->known.push_back(key);
  if (const YAML::Node found = node_->find(key); found.IsDefined()) {
    std::vector<T> read;
    // A single value stands for a list of one.
    const std::vector<YAML::Node> items =
        found.IsSequence() ? std::vector<YAML::Node>(found.begin(), found.end()) : std::vector<YAML::Node>{found};
    for (const YAML::Node& item : items) {
      T element{};
      if (!convert(item, element)) {
        node_->fail(item.Mark(), node_->full(key),
                    std::string("expected ") + type_name<T>() + " in the list, got " + kind(item), "");
      }
      if (const std::string wanted = violation(element, limits); !wanted.empty()) {
        node_->fail(item.Mark(), node_->full(key), "must be " + wanted + ", got " + item.Scalar(), "");
      }
      read.push_back(element);
    }
    value = std::move(read);
  }
  YAML::Node out(YAML::NodeType::Sequence);
  for (const T& element : value) out.push_back(element);
  out.SetStyle(YAML::EmitterStyle::Flow);
  node_->resolved[key] = out;
}

void RecipeSection::field(const char* key, bool& value) { scalar(key, value, {}); }
void RecipeSection::field(const char* key, int64_t& value, const Limits& limits) { scalar(key, value, limits); }
void RecipeSection::field(const char* key, double& value, const Limits& limits) { scalar(key, value, limits); }
void RecipeSection::field(const char* key, std::string& value, const Limits& limits) { scalar(key, value, limits); }
void RecipeSection::field(const char* key, std::vector<double>& value, const Limits& limits) {
  list(key, value, limits);
}
void RecipeSection::field(const char* key, std::vector<std::string>& value, const Limits& limits) {
  list(key, value, limits);
}

void RecipeSection::field(const char* key, std::optional<double>& value, const Limits& limits) {
  const YAML::Node found = node_->find(key);
  if (!found.IsDefined() ? !value.has_value() : found.IsNull()) {
    node_->known.push_back(key);
    value.reset();
    node_->resolved[key] = YAML::Node(YAML::NodeType::Null);
    return;
  }
  double read = value.value_or(0);
  scalar(key, read, limits);
  value = read;
}

void RecipeSection::section(const char* key, const std::function<void(RecipeSection&)>& read) {
  node_->known.push_back(key);
  auto child = std::make_shared<Node>();
  child->source = node_->source;
  child->path = node_->full(key);
  if (const YAML::Node found = node_->find(key); found.IsDefined() && !found.IsNull()) {
    if (!found.IsMap())
      node_->fail(found.Mark(), node_->full(key), "expected a mapping, got " + kind(found), "indent its keys below it");
    child->yaml.reset(found);
  }
  RecipeSection inner(child);
  read(inner);
  inner.finish();
  node_->resolved[key] = child->resolved;
}

void RecipeSection::finish() {
  if (!node_->yaml.IsMap()) return;
  for (const auto& entry : node_->yaml) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::find(node_->known.begin(), node_->known.end(), key) != node_->known.end()) continue;
    const std::string close = nearest(key, node_->known);
    node_->fail(entry.first.Mark(), node_->full(key), "unknown key",
                close.empty() ? "known here: " + join(node_->known) : "did you mean " + close + "?");
  }
}

Recipe Recipe::load(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  return parse(read_file(file, size_t{1} << 22), file.string(), overrides);
}

Recipe Recipe::parse(const std::string& text, const std::string& source, const std::vector<std::string>& overrides) {
  Recipe recipe;
  recipe.source_ = source;
  recipe.root_ = std::make_shared<RecipeSection::Node>();
  recipe.root_->source = source;
  try {
    recipe.root_->yaml.reset(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    throw UsageError(
        {.what = "is not YAML: " + error.msg,
         .file = source + ":" + std::to_string(error.mark.line + 1) + ":" + std::to_string(error.mark.column + 1),
         .mend = "mend the line"});
  }
  if (recipe.root_->yaml.IsNull()) recipe.root_->yaml.reset(YAML::Node(YAML::NodeType::Map));
  if (!recipe.root_->yaml.IsMap()) {
    throw UsageError({.what = "expected a mapping of keys, got " + kind(recipe.root_->yaml),
                      .file = source,
                      .mend = "see recipes/ for examples"});
  }
  check_duplicates(recipe.root_->yaml, source, "");
  for (const auto& item : overrides) apply_override(recipe.root_->yaml, item);
  return recipe;
}

void Recipe::read(const std::function<void(RecipeSection&)>& read) {
  root_->resolved = YAML::Node(YAML::NodeType::Map);
  root_->known.clear();
  RecipeSection section(root_);
  read(section);
  section.finish();
}

std::string Recipe::resolved() const {
  YAML::Emitter emitter;
  emitter.SetDoublePrecision(17);
  emitter << root_->resolved;
  return std::string(emitter.c_str()) + "\n";
}

std::string Recipe::peek(const std::string& key) const {
  const YAML::Node found = root_->find(key);
  return found.IsDefined() && found.IsScalar() ? found.Scalar() : "";
}

}  // namespace cambium::io
