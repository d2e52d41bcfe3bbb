// What the classes and functions that a checkpoint may name stand for. Tensors are recorded, containers are filled, a
// few scalars are decoded, and other harmless classes (training options, paths) become objects that nothing is done
// with.
#include <algorithm>
#include <array>
#include <cstring>

#include "io/dtype.h"
#include "io/pickle_machine.h"

namespace cambium::io {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kLongestName = 256;
constexpr int64_t kLargestExpansion = int64_t{1} << 24;

struct NamedDtype {
  std::string_view name;
  c10::ScalarType dtype;
};
constexpr std::array<NamedDtype, 11> kStorages = {{{"torch.DoubleStorage", c10::kDouble},
                                                   {"torch.FloatStorage", c10::kFloat},
                                                   {"torch.HalfStorage", c10::kHalf},
                                                   {"torch.BFloat16Storage", c10::kBFloat16},
                                                   {"torch.LongStorage", c10::kLong},
                                                   {"torch.IntStorage", c10::kInt},
                                                   {"torch.ShortStorage", c10::kShort},
                                                   {"torch.CharStorage", c10::kChar},
                                                   {"torch.ByteStorage", c10::kByte},
                                                   {"torch.BoolStorage", c10::kBool},
                                                   {"torch.storage.UntypedStorage", c10::kByte}}};
constexpr std::array<NamedDtype, 10> kTorchDtypes = {{{"torch.float64", c10::kDouble},
                                                      {"torch.float32", c10::kFloat},
                                                      {"torch.float16", c10::kHalf},
                                                      {"torch.bfloat16", c10::kBFloat16},
                                                      {"torch.int64", c10::kLong},
                                                      {"torch.int32", c10::kInt},
                                                      {"torch.int16", c10::kShort},
                                                      {"torch.int8", c10::kChar},
                                                      {"torch.uint8", c10::kByte},
                                                      {"torch.bool", c10::kBool}}};

template <size_t N>
const NamedDtype* find(const std::array<NamedDtype, N>& table, std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const NamedDtype& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

template <size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 5> kRebuild = {
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"};
constexpr std::array<std::string_view, 3> kDicts = {"collections.OrderedDict", "collections.defaultdict",
                                                    "collections.Counter"};
// Functions of one argument that give it back as it is, or as a plain container.
constexpr std::array<std::string_view, 6> kUnwrap = {"torch.Size",
                                                     "torch.jit._pickle.build_intlist",
                                                     "torch.jit._pickle.build_doublelist",
                                                     "torch.jit._pickle.build_boollist",
                                                     "torch.jit._pickle.build_tensorlist",
                                                     "torch.jit._pickle.restore_type_tag"};
constexpr std::array<std::string_view, 2> kNumpyScalar = {"numpy.core.multiarray.scalar",
                                                          "numpy._core.multiarray.scalar"};
// Named by real checkpoints, and plain data: never built, kept as objects.
constexpr std::array<std::string_view, 21> kInert = {"argparse.Namespace",
                                                     "collections.deque",
                                                     "copy_reg._reconstructor",
                                                     "copyreg._reconstructor",
                                                     "_codecs.encode",
                                                     "easydict.EasyDict",
                                                     "yacs.config.CfgNode",
                                                     "numpy.dtype",
                                                     "numpy.ndarray",
                                                     "numpy.core.multiarray._reconstruct",
                                                     "numpy._core.multiarray._reconstruct",
                                                     "torch.device",
                                                     "torch.Tensor",
                                                     "torch.nn.parameter.Parameter",
                                                     "torch.serialization._get_layout",
                                                     "torch.torch_version.TorchVersion",
                                                     "datetime.datetime",
                                                     "datetime.timedelta",
                                                     "datetime.date",
                                                     "datetime.timezone",
                                                     "uuid.UUID"};
constexpr std::array<std::string_view, 16> kBuiltins = {"set",       "frozenset", "int",    "float",   "str",   "bool",
                                                        "list",      "tuple",     "dict",   "complex", "slice", "range",
                                                        "bytearray", "bytes",     "object", "unicode"};
constexpr std::array<std::string_view, 7> kInertModules = {
    "__torch__.", "omegaconf.", "pytorch_lightning.", "lightning.", "lightning_fabric.", "pathlib.", "typing."};

std::string_view builtin_name(std::string_view name) {
  for (const std::string_view module : {"builtins.", "__builtin__."}) {
    if (name.starts_with(module)) return name.substr(module.size());
  }
  return {};
}

// A class, type or constant directly in torch: "torch.float8_e4m3fn", "torch.QInt8Storage". They only name things; a
// tensor that needs one this reader cannot hold is refused where it is made.
bool is_torch_type(std::string_view name) {
  if (!name.starts_with("torch.")) return false;
  const std::string_view rest = name.substr(6);
  constexpr std::array<std::string_view, 8> kPrefixes = {"float",   "bfloat", "int",  "uint",
                                                         "complex", "quint",  "qint", "strided"};
  return rest.find('.') == std::string_view::npos &&
         (rest.ends_with("Storage") ||
          std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto p) { return rest.starts_with(p); }));
}

}  // namespace

bool pickle_global_allowed(std::string_view name) {
  if (name.size() > kLongestName) return false;
  return among(kRebuild, name) || among(kDicts, name) || among(kUnwrap, name) || among(kNumpyScalar, name) ||
         among(kInert, name) || among(kBuiltins, builtin_name(name)) || find(kStorages, name) != nullptr ||
         find(kTorchDtypes, name) != nullptr || is_torch_type(name) ||
         std::any_of(kInertModules.begin(), kInertModules.end(), [&](auto module) { return name.starts_with(module); });
}

void PickleBuilder::fail(std::string what, std::string mend) const {
  throw Error({.what = std::move(what), .file = source_, .mend = std::move(mend)});
}

void PickleBuilder::charge(size_t count) {
  charged_ += count;
  if (charged_ > limits_.values) fail("holds more than " + std::to_string(limits_.values) + " values");
}

PickleValue* PickleBuilder::make(Kind kind) {
  charge(1);
  PickleValue& value = tree_.values.emplace_back();
  value.kind = kind;
  return &value;
}

PickleValue* PickleBuilder::make_integer(int64_t integer) {
  PickleValue* value = make(Kind::integer);
  value->integer = integer;
  return value;
}

PickleValue* PickleBuilder::make_text(Kind kind, std::string_view text) {
  PickleValue* value = make(kind);
  value->text = text;
  return value;
}

const PickleValue& PickleBuilder::argument(const PickleValue& arguments, size_t index, Kind kind,
                                           const std::string& function) const {
  if (index >= arguments.items.size() || !arguments.items[index]->is(kind)) {
    fail("calls " + function + " with arguments that do not fit");
  }
  return *arguments.items[index];
}

PickleValue* PickleBuilder::call(const PickleValue& callable, const PickleValue& arguments) {
  const std::string& name = callable.text;
  if (among(kRebuild, name)) return rebuild_tensor(name, arguments);
  if (among(kDicts, name)) return make_dict(arguments);
  if (among(kNumpyScalar, name)) return numpy_scalar(arguments);
  if (among(kUnwrap, name) && !arguments.items.empty()) return mutable_value(arguments.items[0]);
  const std::string_view builtin = builtin_name(name);
  if ((builtin == "set" || builtin == "frozenset") && arguments.items.size() == 1) {
    PickleValue* set = make(Kind::set);
    charge(arguments.items[0]->items.size());
    set->items = arguments.items[0]->items;
    return set;
  }
  if (name == "_codecs.encode" && !arguments.items.empty() && arguments.items[0]->text.size() <= kLongestName) {
    return encode_latin1(argument(arguments, 0, Kind::string, name).text);
  }
  const bool reconstructor =
      name.ends_with("._reconstructor") && !arguments.items.empty() && arguments.items[0]->is(Kind::global);
  PickleValue* object = make_text(Kind::object, reconstructor ? arguments.items[0]->text : name);
  charge(arguments.items.size());
  object->items = arguments.items;
  return object;
}

void PickleBuilder::build(PickleValue& target, const PickleValue& state) {
  // A dict's own attributes (OrderedDict's _metadata), or those of a tensor: no weights among them.
  if (target.is(Kind::dict) || target.is(Kind::tensor)) return;
  if (!target.is(Kind::object)) fail("gives a state to a " + describe(target));
  if (state.is(Kind::dict)) {
    charge(state.entries.size());
    target.entries.insert(target.entries.end(), state.entries.begin(), state.entries.end());
  } else {
    charge(1);
    target.items.push_back(&state);
  }
}

PickleValue* PickleBuilder::make_dict(const PickleValue& arguments) {
  PickleValue* dict = make(Kind::dict);
  for (const PickleValue* source : arguments.items) {
    if (source->is(Kind::dict)) {
      charge(source->entries.size());
      dict->entries.insert(dict->entries.end(), source->entries.begin(), source->entries.end());
    } else if (source->is(Kind::list)) {  // Python 2: OrderedDict([[key, value], ...])
      charge(source->items.size());
      for (const PickleValue* pair : source->items) {
        if (pair->items.size() != 2) fail("builds a dict from something that is not pairs");
        dict->entries.emplace_back(pair->items[0], pair->items[1]);
      }
    }
  }
  return dict;
}

std::vector<int64_t> PickleBuilder::integers(const PickleValue& tuple, const std::string& what) const {
  if (tuple.items.size() > 64) fail("holds a tensor of " + std::to_string(tuple.items.size()) + " dimensions");
  std::vector<int64_t> values;
  for (const PickleValue* item : tuple.items) {
    if (!item->is(Kind::integer) || item->integer < 0) fail("holds a tensor with a " + what + " of " + describe(*item));
    values.push_back(item->integer);
  }
  return values;
}

// torch/_utils.py: _rebuild_tensor(storage, offset, size, stride), v2 adds (requires_grad, hooks, metadata), v3 a dtype
// after them; _rebuild_parameter(tensor, requires_grad, hooks[, state]).
PickleValue* PickleBuilder::rebuild_tensor(const std::string& function, const PickleValue& arguments) {
  if (function.find("_parameter") != std::string::npos) {
    return mutable_value(&argument(arguments, 0, Kind::tensor, function));
  }
  TensorSpec spec;
  spec.storage = static_cast<size_t>(argument(arguments, 0, Kind::storage, function).integer);
  spec.offset = argument(arguments, 1, Kind::integer, function).integer;
  spec.sizes = integers(argument(arguments, 2, Kind::tuple, function), "size");
  spec.strides = integers(argument(arguments, 3, Kind::tuple, function), "stride");
  const StorageSpec& storage = tree_.storages[spec.storage];
  spec.dtype = storage.dtype;
  int64_t elements = storage.elements;
  if (function.ends_with("_v3")) {
    const std::string& name = argument(arguments, 6, Kind::global, function).text;
    const NamedDtype* dtype = find(kTorchDtypes, name);
    if (dtype == nullptr)
      fail("holds a tensor of type " + name + ", which is not one of " + supported_dtypes(),
           "convert it before saving");
    spec.dtype = dtype->dtype;
    elements = elements * static_cast<int64_t>(c10::elementSize(storage.dtype)) /
               static_cast<int64_t>(c10::elementSize(spec.dtype));
  }
  check_extent(spec, storage, elements);
  PickleValue* value = make(Kind::tensor);
  value->integer = static_cast<int64_t>(tree_.tensors.size());
  tree_.tensors.push_back(std::move(spec));
  tree_.tensor_values.push_back(value);
  return value;
}

// Every element a tensor can reach must lie in its storage.
void PickleBuilder::check_extent(const TensorSpec& spec, const StorageSpec& storage, int64_t elements) const {
  const auto describe_tensor = [&] {
    return "holds a tensor of shape " + shape_text(spec.sizes) + " and strides " + shape_text(spec.strides);
  };
  if (spec.sizes.size() != spec.strides.size()) fail(describe_tensor());
  const auto count = checked_product(spec.sizes);
  if (!count) fail(describe_tensor() + ", which is too large");
  int64_t last = spec.offset;
  bool outside = spec.offset < 0 || spec.offset > elements;
  for (size_t i = 0; i < spec.sizes.size() && *count > 0; ++i) {
    int64_t reach = 0;
    outside = outside || __builtin_mul_overflow(spec.sizes[i] - 1, spec.strides[i], &reach) ||
              __builtin_add_overflow(last, reach, &last);
  }
  if (outside || (*count > 0 && last >= elements)) {
    fail(describe_tensor() + " at " + std::to_string(spec.offset) + ", outside its storage " + storage.key + " of " +
         std::to_string(elements) + " elements");
  }
  // Expanded tensors (stride 0) cost nothing here and everything at the first copy.
  if (*count > std::max(elements, kLargestExpansion)) {
    fail(describe_tensor() + " over a storage of " + std::to_string(elements) + " elements, which is too large");
  }
}

PickleValue* PickleBuilder::persistent(const PickleValue& id) {
  if (!id.is(Kind::tuple) || id.items.empty() || !id.items[0]->is(Kind::string))
    fail("refers to something outside the file");
  if (id.items[0]->text != "storage") {
    fail("refers to a " + describe(*id.items[0]) + ", where only storages of tensors are read",
         "save the model's state_dict() alone with torch.save");
  }
  const std::string function = "a storage";
  const std::string& name = argument(id, 1, Kind::global, function).text;
  const NamedDtype* type = find(kStorages, name);
  if (type == nullptr)
    fail("holds a " + name + ", whose type is not one of " + supported_dtypes(), "convert it before saving");
  if (argument(id, 2, Kind::string, function).text.size() > kLongestName) fail("holds a storage with an overlong key");
  StorageSpec spec{.key = argument(id, 2, Kind::string, function).text,
                   .dtype = type->dtype,
                   .elements = argument(id, 4, Kind::integer, function).integer};
  int64_t bytes = 0;
  if (spec.elements < 0 ||
      __builtin_mul_overflow(spec.elements, static_cast<int64_t>(c10::elementSize(spec.dtype)), &bytes)) {
    fail("holds a storage of " + std::to_string(spec.elements) + " elements");
  }
  // PyTorch before 0.4 let a storage be a window on another.
  if (id.items.size() > 5 && !id.items[5]->is(Kind::none))
    fail("holds a view of a storage", "load and save it again with a newer PyTorch");
  const auto [found, fresh] = storages_.try_emplace(spec.key, tree_.storages.size());
  if (fresh) {
    tree_.storages.push_back(std::move(spec));
  } else if (const StorageSpec& known = tree_.storages[found->second];
             known.dtype != spec.dtype || known.elements != spec.elements) {
    fail("names storage " + spec.key + " with two types or sizes");
  }
  PickleValue* value = make(Kind::storage);
  value->integer = static_cast<int64_t>(found->second);
  return value;
}

// Bytes that Python 3 wrote by protocol 2: text whose code points are the bytes.
PickleValue* PickleBuilder::encode_latin1(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
    } else if ((lead & 0xfe) == 0xc2 && i + 1 < text.size()) {
      bytes += static_cast<char>((lead << 6) | (static_cast<unsigned char>(text[++i]) & 0x3f));
    } else {
      fail("holds bytes as text that is not Latin-1");
    }
  }
  return make_text(Kind::bytes, bytes);
}

// numpy's scalar(dtype, bytes): "best_acc" and the like. A type not known here stays an object.
PickleValue* PickleBuilder::numpy_scalar(const PickleValue& arguments) {
  const PickleValue& dtype = argument(arguments, 0, Kind::object, "numpy's scalar");
  const std::string_view type = dtype.items.empty() ? std::string_view() : dtype.items[0]->text;
  const PickleValue* state = dtype.items.empty() ? nullptr : dtype.items.back();
  const bool swapped = state != nullptr && state->items.size() > 1 && state->items[1]->text == ">";
  const std::string_view data =
      arguments.items.size() > 1 ? std::string_view(arguments.items[1]->text) : std::string_view();
  const auto real = [&]<class T>(T value) {
    std::memcpy(&value, data.data(), sizeof value);
    PickleValue* made = make(Kind::real);
    made->real = value;
    return made;
  };
  const auto integer = [&]<class T>(T value) {
    std::memcpy(&value, data.data(), sizeof value);
    return make_integer(static_cast<int64_t>(value));
  };
  if (!swapped && type == "f8" && data.size() == 8) return real(double{});
  if (!swapped && type == "f4" && data.size() == 4) return real(float{});
  if (!swapped && type == "i8" && data.size() == 8) return integer(int64_t{});
  if (!swapped && type == "i4" && data.size() == 4) return integer(int32_t{});
  if (type == "b1" && data.size() == 1) return integer(uint8_t{});
  PickleValue* object = make_text(Kind::object, "numpy.scalar");
  charge(arguments.items.size());
  object->items = arguments.items;
  return object;
}

}  // namespace cambium::io
