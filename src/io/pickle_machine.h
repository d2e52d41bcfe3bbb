#pragma once
// The pickle interpreter's state, shared by its two halves: opcodes (pickle.cpp) and what the allowed classes and
// functions mean (pickle_classes.cpp). Not for use outside them.
#include <string>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "io/pickle.h"
#include "io/pickle_value.h"

namespace cambium::io {

// Whether a class or function may be named at all ("collections.OrderedDict").
bool pickle_global_allowed(std::string_view name);

class PickleBuilder {
 public:
  PickleBuilder(const std::string& source, const PickleLimits& limits) : source_(source), limits_(limits) {}

  PickleValue* make(PickleValue::Kind kind);
  PickleValue* make_integer(int64_t integer);
  PickleValue* make_text(PickleValue::Kind kind, std::string_view text);

  // REDUCE, NEWOBJ: what callable(*arguments) stands for.
  PickleValue* call(const PickleValue& callable, const PickleValue& arguments);
  // BUILD: gives target its state.
  void build(PickleValue& target, const PickleValue& state);
  // BINPERSID: torch's ("storage", class, key, location, elements).
  PickleValue* persistent(const PickleValue& id);

  PickleTree take() { return std::move(tree_); }
  [[noreturn]] void fail(std::string what, std::string mend = "check that this is the right file") const;

 private:
  // Counts what is copied inside the tree, which a short pickle may ask for again and again.
  void charge(size_t count);
  void check_extent(const TensorSpec& spec, const StorageSpec& storage, int64_t elements) const;
  // The tree's values are handed out as const; its builder may fill them further.
  static PickleValue* mutable_value(const PickleValue* value) { return const_cast<PickleValue*>(value); }
  PickleValue* encode_latin1(const std::string& text);
  PickleValue* rebuild_tensor(const std::string& function, const PickleValue& arguments);
  PickleValue* numpy_scalar(const PickleValue& arguments);
  PickleValue* make_dict(const PickleValue& arguments);
  std::vector<int64_t> integers(const PickleValue& tuple, const std::string& what) const;
  const PickleValue& argument(const PickleValue& arguments, size_t index, PickleValue::Kind kind,
                              const std::string& function) const;

  const std::string& source_;
  const PickleLimits& limits_;
  size_t charged_ = 0;
  PickleTree tree_;
  std::unordered_map<std::string, size_t> storages_;
};

}  // namespace cambium::io
