#include "parity/compare.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace cambium::parity {
namespace {

Verdict failure(std::string why) {
  const double infinity = std::numeric_limits<double>::infinity();
  return {.outcome = Verdict::Outcome::fail,
          .max_abs = infinity,
          .max_rel = infinity,
          .used = infinity,
          .why = std::move(why)};
}

at::Tensor finite_abs(const at::Tensor& b) { return at::where(at::isfinite(b), b.abs(), at::zeros_like(b)); }

double largest(const at::Tensor& t) { return t.numel() == 0 ? 0 : t.max().item<double>(); }

// Largest over the last dimension, kept to broadcast; of 0-D and 1-D tensors the entry itself.
at::Tensor row_scale(const at::Tensor& size) {
  if (size.dim() < 2 || size.numel() == 0) return size;
  return size.amax(-1, /*keepdim=*/true).expand_as(size);
}

void flatten(const Json& value, std::vector<double>& out) {
  if (value.is_array()) {
    for (const auto& element : value) flatten(element, out);
  } else {
    out.push_back(value.get<double>());
  }
}

at::Tensor numbers(const Json& value) {
  std::vector<double> flat;
  flatten(value, flat);
  return at::tensor(flat, at::kDouble);
}

}  // namespace

Verdict compare(const at::Tensor& golden, const at::Tensor& result, const Tolerance& tolerance) {
  if (tolerance.skip) return {.outcome = Verdict::Outcome::skip, .why = *tolerance.skip};
  if (!result.defined()) return failure("not computed");
  if (golden.numel() != result.numel()) {
    std::ostringstream why;
    why << "shape " << result.sizes() << ", expected " << golden.sizes();
    return failure(why.str());
  }
  at::Tensor expected = golden.detach().cpu(), actual = result.detach().cpu().reshape(golden.sizes());
  if (tolerance.rows) {
    if (golden.dim() == 0) return failure("rows of a scalar");
    for (const int64_t row : *tolerance.rows) {
      if (row < 0 || row >= golden.size(0)) return failure("row " + std::to_string(row) + " does not exist");
    }
    const at::Tensor rows = at::tensor(*tolerance.rows, at::kLong);
    expected = expected.index_select(0, rows);
    actual = actual.index_select(0, rows);
  }
  // int64 values above 2^53 would collide as doubles.
  const auto whole = [](const at::Tensor& t) { return at::isIntegralType(t.scalar_type(), /*includeBool=*/true); };
  const bool wrong_integers =
      tolerance.exact && whole(expected) && whole(actual) && !at::equal(expected.to(at::kLong), actual.to(at::kLong));

  const at::Tensor b = expected.to(at::kDouble), a = actual.to(at::kDouble);
  const at::Tensor finite = at::isfinite(a).logical_and(at::isfinite(b));
  const at::Tensor agree =
      (a == b).logical_or(at::isnan(a).logical_and(at::isnan(b)));  // infinities, NaN, equal numbers
  const int64_t lost = (~finite).logical_and(~agree).sum().item<int64_t>();
  const at::Tensor difference = at::where(finite, (a - b).abs(), at::zeros_like(b));

  const at::Tensor size = finite_abs(b);
  at::Tensor bound = at::full_like(b, tolerance.abs) + tolerance.rel * size + tolerance.of_max * largest(size) +
                     tolerance.of_row * row_scale(size);
  if (tolerance.exact) bound.zero_();

  Verdict verdict;
  verdict.max_abs = largest(difference);
  verdict.max_rel = largest(at::where(size > 0, difference / size, at::zeros_like(size)));
  // The difference is 0 where it may be: 0/0 counts as 0, x/0 as infinite.
  const at::Tensor used = at::where(difference > 0, difference / bound, at::zeros_like(bound)).flatten();
  if (used.numel() > 0) {
    const int64_t worst = used.argmax().item<int64_t>();
    verdict.used = used[worst].item<double>();
    verdict.bound = bound.flatten()[worst].item<double>();
  }
  if (lost > 0) {
    verdict.outcome = Verdict::Outcome::fail;
    verdict.why = std::to_string(lost) + " entries are finite on one side only, or differ in NaN or infinity";
  } else if (wrong_integers || !(verdict.used <= 1)) {
    verdict.outcome = Verdict::Outcome::fail;
  }
  return verdict;
}

Verdict compare(const Json& golden, const Json& result, const Tolerance& tolerance) {
  if (tolerance.skip) return {.outcome = Verdict::Outcome::skip, .why = *tolerance.skip};
  const auto numeric = [](const Json& v) { return v.is_number() || v.is_array(); };
  if (golden.is_string() && golden.get<std::string>() == "nan" && result.is_number()) {
    return std::isnan(result.get<double>()) ? Verdict{} : failure("expected NaN, got " + result.dump());
  }
  if (numeric(golden)) {
    if (!is_leaf(result) || !numeric(result)) return failure("expected numbers, got " + result.dump().substr(0, 60));
    return compare(numbers(golden), numbers(result), tolerance);
  }
  if (golden == result) return {};
  return failure("expected " + golden.dump().substr(0, 60) + ", got " + result.dump().substr(0, 60));
}

}  // namespace cambium::parity
