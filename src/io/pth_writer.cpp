#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/dtype.h"
#include "io/pth.h"
#include "io/zip_writer.h"

namespace cambium::io {
namespace {

// The opcodes of protocol 2 that a state dict needs.
class PickleWriter {
 public:
  PickleWriter() { text_ = std::string("\x80\x02", 2); }

  void op(char opcode) { text_ += opcode; }
  void global(std::string_view module, std::string_view name) {
    op('c');
    text_.append(module).append("\n").append(name).append("\n");
  }
  void string(std::string_view value) {
    op('X');
    number(static_cast<uint32_t>(value.size()));
    text_ += value;
  }
  void integer(int64_t value) {
    if (value == static_cast<int32_t>(value)) {
      op('J');
      number(static_cast<int32_t>(value));
    } else {
      text_ += "\x8a\x08";
      number(value);
    }
  }
  void tuple(at::IntArrayRef values) {
    op('(');
    for (const int64_t value : values) integer(value);
    op('t');
  }
  const std::string& text() const { return text_; }

 private:
  template <class T>
  void number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  std::string text_;
};

std::string_view storage_class(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kDouble:
      return "DoubleStorage";
    case c10::kFloat:
      return "FloatStorage";
    case c10::kHalf:
      return "HalfStorage";
    case c10::kBFloat16:
      return "BFloat16Storage";
    case c10::kLong:
      return "LongStorage";
    case c10::kInt:
      return "IntStorage";
    case c10::kShort:
      return "ShortStorage";
    case c10::kChar:
      return "CharStorage";
    case c10::kByte:
      return "ByteStorage";
    case c10::kBool:
      return "BoolStorage";
    default:
      return "";
  }
}

// Pickles tensors by reference and remembers whose bytes go to which storage.
class StateWriter {
 public:
  explicit StateWriter(std::optional<c10::ScalarType> floating) : floating_(floating) {}

  void tensor(const at::Tensor& tensor) {
    const c10::ScalarType dtype = stored_dtype(tensor.scalar_type(), floating_);
    const auto identity =
        std::make_tuple(tensor.const_data_ptr(), tensor.sizes().vec(), tensor.strides().vec(), tensor.scalar_type());
    const auto [place, fresh] = index_.try_emplace(identity, storages.size());
    if (fresh || tensor.numel() == 0) {
      place->second = storages.size();
      storages.push_back(tensor);
    }
    std::vector<int64_t> strides(static_cast<size_t>(tensor.dim()), 1);
    for (size_t i = strides.size(); i-- > 1;)
      strides[i - 1] = strides[i] * std::max<int64_t>(tensor.size(static_cast<int64_t>(i)), 1);

    pickle.global("torch._utils", "_rebuild_tensor_v2");
    pickle.op('(');
    pickle.op('(');
    pickle.string("storage");
    pickle.global("torch", storage_class(dtype));
    pickle.string(std::to_string(place->second));
    pickle.string("cpu");
    pickle.integer(tensor.numel());
    pickle.op('t');
    pickle.op('Q');
    pickle.integer(0);
    pickle.tuple(tensor.sizes());
    pickle.tuple(strides);
    pickle.op('\x89');  // requires_grad = False
    pickle.global("collections", "OrderedDict");
    pickle.op(')');
    pickle.op('R');
    pickle.op('t');
    pickle.op('R');
  }
  void items(const NamedTensors& named) {
    for (const auto& [name, value] : named) {
      pickle.string(name);
      tensor(value);
    }
  }

  PickleWriter pickle;
  std::vector<at::Tensor> storages;

 private:
  std::optional<c10::ScalarType> floating_;
  std::map<std::tuple<const void*, std::vector<int64_t>, std::vector<int64_t>, c10::ScalarType>, size_t> index_;
};

void check(const std::filesystem::path& path, const NamedTensors& tensors, std::optional<c10::ScalarType> floating) {
  const auto fail = [&](const std::string& name, const std::string& what, const std::string& mend) {
    throw Error({.what = what, .file = path.string(), .field = name, .mend = mend});
  };
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined() || tensor.layout() != c10::kStrided ||
        storage_class(stored_dtype(tensor.scalar_type(), floating)).empty()) {
      fail(name, "has a type that is not written", "convert it to one of " + supported_dtypes());
    }
    try {
      static_cast<void>(nlohmann::json(name).dump());
    } catch (const nlohmann::json::exception&) {
      fail("a tensor's name", "is not UTF-8", "rename it");
    }
  }
}

}  // namespace

void write_pth(const std::filesystem::path& path, const StateDict& state, std::optional<c10::ScalarType> floating) {
  check(path, state.tensors, floating);
  check(path, state.extras, floating);
  StateWriter writer(floating);
  PickleWriter& pickle = writer.pickle;
  pickle.op('}');
  pickle.op('(');
  if (state.extras.empty()) {
    writer.items(state.tensors);
  } else {
    pickle.string("model");
    pickle.op('}');
    pickle.op('(');
    writer.items(state.tensors);
    pickle.op('u');
    writer.items(state.extras);
  }
  pickle.op('u');
  pickle.op('.');

  ZipWriter zip(path);
  zip.add("archive/data.pkl", pickle.text());
  zip.add("archive/byteorder", "little");
  for (size_t i = 0; i < writer.storages.size(); ++i) {
    const at::Tensor data = storable(writer.storages[i], floating);
    zip.add("archive/data/" + std::to_string(i), data.const_data_ptr(), data.nbytes());
  }
  zip.add("archive/version", "3\n");
  zip.commit();
}

}  // namespace cambium::io
