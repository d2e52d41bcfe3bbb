#include "nn/group_statistics.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"

namespace cambium::nn {
namespace {

// Elements that are worked on in float32 at a time: few enough to stay in a core's cache.
constexpr int64_t kBlock = int64_t{1} << 18;

// [n, C, h, w] -> [n * h * w, C], a view of what is channels-last.
at::Tensor rows_of(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(0, 2); }

int64_t rows_in_block(int64_t channels) { return std::max<int64_t>(1, kBlock / channels); }

}  // namespace

GroupStatistics::GroupStatistics(const GroupNorm& norm) : norm_(norm) {
  const auto options = at::TensorOptions().dtype(at::kDouble).device(norm.weight.device());
  mean_ = at::zeros({norm.options().channels}, options);
  squares_ = at::zeros({norm.options().channels}, options);
}

void GroupStatistics::add(const at::Tensor& piece) {
  const at::Tensor rows = rows_of(piece);
  const int64_t channels = rows.size(1), block = rows_in_block(channels);
  for (int64_t first = 0; first < rows.size(0); first += block) {
    const int64_t count = std::min(block, rows.size(0) - first);
    const at::Tensor values = rows.narrow(0, first, count).to(at::promote_types(rows.scalar_type(), at::kFloat));
    const at::Tensor mean = values.mean(0);
    const at::Tensor squares = (values - mean).square().sum(0, /*keepdim=*/false, at::kDouble);
    // Chan et al. 1979: two sets' means and squared distances make those of their union.
    const double share = static_cast<double>(count) / static_cast<double>(count_ + count);
    const at::Tensor distance = mean.to(at::kDouble) - mean_;
    squares_ += squares + distance.square() * (share * static_cast<double>(count_));
    mean_ += distance * share;
    count_ += count;
  }
}

at::Tensor GroupStatistics::normalize_silu(const at::Tensor& piece) const {
  if (count_ == 0) throw Error({.what = "no piece was added to the statistics"});
  const int64_t channels = mean_.size(0), groups = norm_.options().groups;
  const at::Tensor means = mean_.view({groups, -1});
  const at::Tensor mean = means.mean(1, /*keepdim=*/true);
  const at::Tensor variance =
      (squares_.view({groups, -1}) / static_cast<double>(count_) + (means - mean).square()).mean(1, /*keepdim=*/true);
  const at::Tensor inverse = (variance + norm_.options().eps).rsqrt().expand_as(means).flatten();
  const auto dtype = at::promote_types(piece.scalar_type(), at::kFloat);
  const at::Tensor scale = inverse * norm_.weight;
  const at::Tensor shift = (norm_.bias - mean.expand_as(means).flatten() * scale).to(dtype);
  const at::Tensor factor = scale.to(dtype);

  const at::Tensor rows = rows_of(piece);
  const at::Tensor out = at::empty_like(rows, at::MemoryFormat::Contiguous);
  const int64_t block = rows_in_block(channels);
  for (int64_t first = 0; first < rows.size(0); first += block) {
    const int64_t count = std::min(block, rows.size(0) - first);
    at::Tensor values = rows.narrow(0, first, count) * factor;
    out.narrow(0, first, count).copy_(at::silu_(values.add_(shift)));
  }
  return out.view({piece.size(0), piece.size(2), piece.size(3), channels}).permute({0, 3, 1, 2});
}

}  // namespace cambium::nn
