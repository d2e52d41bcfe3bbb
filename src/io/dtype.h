#pragma once
// The tensor types that weights files may hold, by the names safetensors gives them, and the arithmetic of sizes that
// come from a file and are not to be trusted.
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/shared_bytes.h"

namespace at {
class Tensor;
}

namespace cambium::io {

// "F32" -> kFloat. F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL; nothing for any other name.
std::optional<c10::ScalarType> dtype_from_name(std::string_view name);
// kFloat -> "F32"; "" for a type outside that list.
std::string_view dtype_name(c10::ScalarType dtype);
// "F64, F32, F16, ...", for errors.
std::string supported_dtypes();

// Product of sizes that must each be >= 0; nothing where one is negative or the sizes above 0 overflow an int64_t.
std::optional<int64_t> checked_product(std::span<const int64_t> sizes);
// "[3, 224, 224]"
std::string shape_text(std::span<const int64_t> sizes);

// A contiguous tensor over bytes.data + offset, which the caller has checked to hold it. No copy, unless the address is
// not a multiple of the element's size: then a copy, since vector code may fault on it.
at::Tensor tensor_over(const SharedBytes& bytes, size_t offset, std::span<const int64_t> sizes, c10::ScalarType dtype);

// The type a writer stores `dtype` as: `floating`, where it is given and dtype is a floating one.
c10::ScalarType stored_dtype(c10::ScalarType dtype, std::optional<c10::ScalarType> floating);
// The tensor as a writer needs it: dense, contiguous, on the CPU, of that type. The tensor itself where it is so
// already.
at::Tensor storable(const at::Tensor& tensor, std::optional<c10::ScalarType> floating);

}  // namespace cambium::io
