#pragma once
// Recipes: typed YAML. An unknown key, a wrong type or a value out of range is an error with line, column and the
// nearest known key. Reading also writes the resolved recipe: every key with the value in force, ready to be read
// again.
//
//   struct TrainRecipe { int64_t steps = 120'000; double lr = 5e-4; };
//   void fields(io::RecipeSection& s, TrainRecipe& r) {
//     s.field("steps", r.steps, io::at_least(1));
//     s.field("lr", r.lr, io::above(0));
//   }
//   io::Recipe recipe = io::Recipe::load("vit_s.yaml", {"train.lr=1e-4"});
//   recipe.read([&](io::RecipeSection& s) { s.section("train", [&](auto& t) { fields(t, train); }); });
//   write_file(run / "recipe.yaml", recipe.resolved());
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cambium::io {

// What values a field takes. Numbers: bounds; strings: a list of choices (empty: any).
struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;  // `low` itself is excluded
  std::vector<std::string> choices = {};
};
inline Limits at_least(double low) { return {.low = low}; }
inline Limits above(double low) { return {.low = low, .low_open = true}; }
inline Limits between(double low, double high) { return {.low = low, .high = high}; }
inline Limits one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

// One mapping of the recipe while it is read. Fields keep their value where the file does not name them.
class RecipeSection {
 public:
  void field(const char* key, bool& value);
  void field(const char* key, int64_t& value, const Limits& limits = {});
  void field(const char* key, double& value, const Limits& limits = {});
  void field(const char* key, std::string& value, const Limits& limits = {});
  void field(const char* key, std::vector<double>& value, const Limits& limits = {});
  void field(const char* key, std::vector<std::string>& value, const Limits& limits = {});
  // Absent or null: nullopt.
  void field(const char* key, std::optional<double>& value, const Limits& limits = {});

  // A nested mapping; absent reads as an empty one. After `read` returns, keys nobody asked for are an error.
  void section(const char* key, const std::function<void(RecipeSection&)>& read);
  bool has(const char* key) const;
  // An error at this section's (or the key's) place in the file, for checks that span fields.
  [[noreturn]] void fail(const char* key, const std::string& what, const std::string& mend = {}) const;

 private:
  friend class Recipe;
  struct Node;
  explicit RecipeSection(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  void finish();
  template <class T>
  void scalar(const char* key, T& value, const Limits& limits);
  template <class T>
  void list(const char* key, std::vector<T>& value, const Limits& limits);
  std::shared_ptr<Node> node_;
};

class Recipe {
 public:
  // Reads the file and applies "a.b=value" overrides, in order (values are YAML: numbers, true, [1, 2], text).
  static Recipe load(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});
  static Recipe parse(const std::string& text, const std::string& source,
                      const std::vector<std::string>& overrides = {});

  void read(const std::function<void(RecipeSection&)>& read);
  // The recipe with every field's value in force, as YAML; valid after read().
  std::string resolved() const;
  const std::string& source() const { return source_; }
  // The text at the top level under `key` without a typed read ("system", "task"), or "".
  std::string peek(const std::string& key) const;

 private:
  std::string source_;
  std::shared_ptr<RecipeSection::Node> root_;
};

// A recipe of type R, and its resolved text. R's fields(RecipeSection&, R&) stands beside R.
template <class R>
struct LoadedRecipe {
  R recipe;
  std::string resolved;
};

template <class R>
LoadedRecipe<R> read_recipe(Recipe document) {
  LoadedRecipe<R> loaded;
  document.read([&](RecipeSection& section) { fields(section, loaded.recipe); });
  loaded.resolved = document.resolved();
  return loaded;
}

// The recipe in `file` with overrides applied.
template <class R>
LoadedRecipe<R> load_recipe(const std::filesystem::path& file, const std::vector<std::string>& overrides = {}) {
  return read_recipe<R>(Recipe::load(file, overrides));
}

// The recipe in a text (of a delta's header); `source` names it in errors.
template <class R>
LoadedRecipe<R> parse_recipe(const std::string& text, const std::string& source) {
  return read_recipe<R>(Recipe::parse(text, source));
}

}  // namespace cambium::io
