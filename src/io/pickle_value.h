#pragma once
// What a pickle holds, as plain data: numbers, text, containers, tensors, and objects of classes that are never built.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::io {

// One value. Values belong to their PickleTree; containers refer to them by pointer, so that a value used twice is one
// value and a list may even hold itself: walk with a limit.
struct PickleValue {
  enum class Kind {
    none,
    boolean,
    integer,
    big_integer,
    real,
    string,
    bytes,
    list,
    tuple,
    set,
    dict,
    global,   // a class or function by name
    object,   // an instance of a class: its arguments in items, its attributes in entries
    storage,  // the memory behind tensors; only inside the reader
    tensor,
  };
  Kind kind = Kind::none;
  int64_t integer = 0;  // boolean, integer; storage, tensor: index into the tree's specs
  double real = 0;
  std::string text = {};  // string; bytes; big_integer: little-endian two's complement; global, object: "module.Name"
  std::vector<const PickleValue*> items = {};
  std::vector<std::pair<const PickleValue*, const PickleValue*>> entries = {};
  at::Tensor tensor = {};

  bool is(Kind other) const { return kind == other; }
  bool is_number() const { return kind == Kind::integer || kind == Kind::real || kind == Kind::boolean; }
  // Of a dict or an object: the value under that text, nullptr where there is none. The last one counts, as in Python.
  const PickleValue* get(std::string_view key) const;
};

// "dict of 3", "tensor F32 [512]", "120000", "'adamw'": one short line in valid UTF-8, whatever the value holds.
std::string describe(const PickleValue& value);

// The memory that tensors of a pickle point into: torch's persistent id.
struct StorageSpec {
  std::string key;
  c10::ScalarType dtype = c10::kByte;
  int64_t elements = 0;
};

struct TensorSpec {
  size_t storage = 0;  // index into PickleTree::storages
  c10::ScalarType dtype = c10::kByte;
  int64_t offset = 0;  // elements
  std::vector<int64_t> sizes = {}, strides = {};
};

// Owns the values of one pickle.
struct PickleTree {
  std::deque<PickleValue> values = {};
  std::vector<StorageSpec> storages = {};
  std::vector<TensorSpec> tensors = {};
  std::vector<PickleValue*> tensor_values = {};  // the value of each of `tensors`
  const PickleValue* root = nullptr;
};

}  // namespace cambium::io
