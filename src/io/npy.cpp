#include "io/npy.h"

#include <ATen/ops/empty.h>

#include <charconv>
#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/text.h"

namespace cambium::io {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kAlign = 64;
constexpr int64_t kMaxDimensions = 32;  // NumPy's own

struct Type {
  const char* name;
  at::ScalarType dtype;
};
constexpr Type kTypes[] = {{"<f4", at::kFloat}, {"<f8", at::kDouble}, {"<f2", at::kHalf},
                           {"|u1", at::kByte},  {"|i1", at::kChar},   {"<i2", at::kShort},
                           {"<i4", at::kInt},   {"<i8", at::kLong},   {"|b1", at::kBool}};

// The header is a Python dict literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class Header {
 public:
  Header(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  std::string_view value(std::string_view key) const {
    const std::string quoted = "'" + std::string(key) + "'";
    const size_t at = text_.find(quoted);
    if (at == std::string_view::npos) fail("has no " + quoted + " in its header");
    std::string_view rest = trim(text_.substr(at + quoted.size()));
    if (!rest.starts_with(':')) fail("has a malformed header");
    return trim(rest.substr(1));
  }

  at::ScalarType dtype() const {
    const std::string_view value = this->value("descr");
    const size_t end = value.find('\'', 1);
    if (!value.starts_with('\'') || end == std::string_view::npos) fail("holds records, not numbers");
    const std::string_view name = value.substr(1, end - 1);
    for (const Type& type : kTypes) {
      if (name == type.name) return type.dtype;
    }
    fail("holds numbers of type '" + std::string(name) + "', which is not read");
  }

  bool fortran() const { return value("fortran_order").starts_with("True"); }

  std::vector<int64_t> shape() const {
    std::string_view rest = value("shape");
    const size_t end = rest.find(')');
    if (!rest.starts_with('(') || end == std::string_view::npos) fail("has a malformed shape");
    rest = rest.substr(1, end - 1);
    std::vector<int64_t> shape;
    while (!(rest = trim(rest)).empty()) {
      int64_t size = -1;
      const auto [stop, code] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
      if (code != std::errc() || size < 0 || std::ssize(shape) == kMaxDimensions) fail("has a malformed shape");
      shape.push_back(size);
      rest = trim(rest.substr(static_cast<size_t>(stop - rest.data())));
      if (rest.starts_with(',')) {
        rest.remove_prefix(1);
      } else if (!rest.empty()) {
        fail("has a malformed shape");
      }
    }
    return shape;
  }

  [[noreturn]] void fail(std::string what) const {
    throw Error(
        {.what = std::move(what), .file = file_, .mend = "write it with numpy.save as a plain array in C order"});
  }

 private:
  std::string_view text_;
  std::string file_;
};

}  // namespace

void write_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  const at::Tensor array = tensor.detach()
                               .to(at::kCPU, tensor.scalar_type() == at::kBFloat16 ? at::kFloat : tensor.scalar_type())
                               .contiguous();
  const char* type = nullptr;
  for (const Type& known : kTypes) {
    if (known.dtype == array.scalar_type()) type = known.name;
  }
  if (!type) throw Error({.what = "cannot hold this type of numbers", .file = path.string(), .mend = "write float32"});
  std::string shape;
  for (const int64_t size : array.sizes()) shape += std::to_string(size) + ", ";
  if (array.dim() > 1) shape.resize(shape.size() - 2);  // "(2, 3)", but "(2,)"
  if (array.dim() == 1) shape.pop_back();
  std::string header = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Spaces and a line break up to a multiple of 64 bytes, so that the numbers can be mapped.
  const size_t before = kMagic.size() + 4;
  header.append((kAlign - (before + header.size() + 1) % kAlign) % kAlign, ' ');
  header += '\n';
  if (header.size() > 0xFFFF)
    throw Error({.what = "has too many dimensions", .file = path.string(), .mend = "flatten the array"});

  AtomicFile file(path);
  file.write(kMagic);
  const char fields[] = {1, 0, static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  file.write(fields, sizeof fields);
  file.write(header);
  file.write(array.const_data_ptr(), array.nbytes());
  file.commit();
}

at::Tensor read_npy(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, size_t{1} << 40);
  const std::string file = path.string();
  const Header none("", file);
  if (!std::string_view(bytes).starts_with(kMagic)) none.fail("is not an .npy file");
  if (bytes.size() < 12) none.fail("is cut short");
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(bytes[at])); };
  const size_t version = byte(6);
  if (version < 1 || version > 3) none.fail("is of version " + std::to_string(version) + ", which is not read");
  const size_t begin = version == 1 ? 10 : 12;
  const size_t length =
      version == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > bytes.size() - begin) none.fail("is cut short");
  const Header header(std::string_view(bytes).substr(begin, length), file);

  const at::ScalarType dtype = header.dtype();
  const std::vector<int64_t> shape = header.shape();
  if (header.fortran()) header.fail("is in Fortran order");
  const size_t data = begin + length;
  auto wanted = static_cast<int64_t>(c10::elementSize(dtype));
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(wanted, size, &wanted)) header.fail("has an absurd shape");
  }
  if (wanted != static_cast<int64_t>(bytes.size() - data)) {
    header.fail("holds " + std::to_string(bytes.size() - data) + " bytes of numbers, and its shape asks for " +
                std::to_string(wanted));
  }
  at::Tensor array = at::empty(shape, dtype);
  if (wanted > 0) std::memcpy(array.mutable_data_ptr(), bytes.data() + data, static_cast<size_t>(wanted));
  return array;
}

}  // namespace cambium::io
