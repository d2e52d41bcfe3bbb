#include "io/dtype.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <array>
#include <bit>
#include <cstring>

#include "io/mapping.h"

namespace cambium::io {
namespace {

static_assert(std::endian::native == std::endian::little, "weights files are little-endian and are mapped as they are");

struct Named {
  std::string_view name;
  c10::ScalarType dtype;
};
constexpr std::array<Named, 10> kDtypes = {{{"F64", c10::kDouble},
                                            {"F32", c10::kFloat},
                                            {"F16", c10::kHalf},
                                            {"BF16", c10::kBFloat16},
                                            {"I64", c10::kLong},
                                            {"I32", c10::kInt},
                                            {"I16", c10::kShort},
                                            {"I8", c10::kChar},
                                            {"U8", c10::kByte},
                                            {"BOOL", c10::kBool}}};

}  // namespace

std::optional<c10::ScalarType> dtype_from_name(std::string_view name) {
  for (const Named& known : kDtypes) {
    if (known.name == name) return known.dtype;
  }
  return std::nullopt;
}

std::string_view dtype_name(c10::ScalarType dtype) {
  for (const Named& known : kDtypes) {
    if (known.dtype == dtype) return known.name;
  }
  return "";
}

std::string supported_dtypes() {
  std::string text;
  for (const Named& known : kDtypes) text += (text.empty() ? "" : ", ") + std::string(known.name);
  return text;
}

std::optional<int64_t> checked_product(std::span<const int64_t> sizes) {
  int64_t product = 1;
  bool zero = false;
  for (const int64_t size : sizes) {
    // [0, 2^62, 2^62] is refused as well: LibTorch multiplies such sizes into strides.
    if (size < 0 || (size > 0 && __builtin_mul_overflow(product, size, &product))) return std::nullopt;
    zero = zero || size == 0;
  }
  return zero ? 0 : product;
}

std::string shape_text(std::span<const int64_t> sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i) text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + "]";
}

at::Tensor tensor_over(const SharedBytes& bytes, size_t offset, std::span<const int64_t> sizes, c10::ScalarType dtype) {
  const at::IntArrayRef shape(sizes.data(), sizes.size());
  const auto options = at::TensorOptions().dtype(dtype);
  const auto count = checked_product(sizes).value();
  if (count == 0) return at::empty(shape, options);
  std::byte* address = bytes.data + offset;
  const size_t itemsize = c10::elementSize(dtype), size = static_cast<size_t>(count) * itemsize;
  if (reinterpret_cast<uintptr_t>(address) % itemsize != 0) {
    at::Tensor copy = at::empty(shape, options);
    std::memcpy(copy.mutable_data_ptr(), address, size);
    return copy;
  }
  // A tensor that dies gives its pages back, for the file stays mapped as long as any of its tensors lives.
  return at::from_blob(
      address, shape, [bytes, address, size](void*) { give_back_pages(bytes, address, size); }, options);
}

c10::ScalarType stored_dtype(c10::ScalarType dtype, std::optional<c10::ScalarType> floating) {
  return floating && c10::isFloatingType(dtype) ? *floating : dtype;
}

at::Tensor storable(const at::Tensor& tensor, std::optional<c10::ScalarType> floating) {
  return tensor.detach()
      .to(tensor.options().device(c10::kCPU).dtype(stored_dtype(tensor.scalar_type(), floating)))
      .contiguous();
}

}  // namespace cambium::io
