#include "metrics/video/consistency.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {
namespace {

double mean_of(const at::Tensor& differences) { return differences.abs().mean().item<double>(); }

// Sums of |difference| over the blocks of a picture. [N, H, W] -> [N, H / block, W / block], rounded up.
at::Tensor block_sums(const at::Tensor& differences, int64_t block) {
  const int64_t below = (block - differences.size(1) % block) % block;
  const int64_t right = (block - differences.size(2) % block) % block;
  const at::Tensor padded = at::constant_pad_nd(differences, {0, right, 0, below});
  return padded.unflatten(1, {-1, block}).unflatten(3, {-1, block}).sum(at::IntArrayRef{2, 4});
}

// Block matching: for each block of the later frame the displacement with the least difference. Where the window
// reaches beyond the picture its edge is repeated.
double compensated_difference(const at::Tensor& frames, const CompensationOptions& options) {
  const int64_t pairs = frames.size(0) - 1, height = frames.size(2), width = frames.size(3), reach = options.reach;
  const at::Tensor later = frames.narrow(0, 1, pairs);
  const at::Tensor earlier = at::replication_pad2d(frames.narrow(0, 0, pairs), {reach, reach, reach, reach});
  at::Tensor least;  // [T - 1, blocks, blocks]
  for (int64_t y = 0; y <= 2 * reach; ++y) {
    for (int64_t x = 0; x <= 2 * reach; ++x) {
      const at::Tensor moved = earlier.narrow(2, y, height).narrow(3, x, width);
      const at::Tensor sums = block_sums((later - moved).abs().sum(1), options.block);
      least = least.defined() ? at::minimum(least, sums) : sums;
    }
  }
  return least.sum().item<double>() / static_cast<double>(later.numel());
}

}  // namespace

Consistency consistency(const at::Tensor& frames, const CompensationOptions& options) {
  check_shape(frames, "frames", 4);
  check_finite(frames, "frames");
  if (!frames.is_floating_point() || frames.size(0) < 2)
    throw Error({.what = "expected at least two frames [T, C, H, W] in floating point",
                 .field = "frames",
                 .mend = "give a film of two frames or more"});
  if (options.block < 1 || options.reach < 0)
    throw Error(
        {.what = "blocks have at least a pixel, and reach is not negative", .field = "block", .mend = "8 and 4"});
  const at::Tensor films = frames.to(at::kFloat);
  const int64_t count = films.size(0);
  Consistency found{.motion = mean_of(films.narrow(0, 1, count - 1) - films.narrow(0, 0, count - 1)),
                    .compensated = compensated_difference(films, options)};
  if (count > 2) {
    const at::Tensor between = (films.narrow(0, 0, count - 2) + films.narrow(0, 2, count - 2)) / 2;
    found.flicker = mean_of(films.narrow(0, 1, count - 2) - between);
  }
  return found;
}

Consistency mean_consistency(const std::vector<Consistency>& films) {
  Consistency mean;
  for (const Consistency& film : films) {
    mean.motion += film.motion;
    mean.compensated += film.compensated;
    mean.flicker += film.flicker;
  }
  const double count = films.empty() ? 1 : static_cast<double>(films.size());
  return {mean.motion / count, mean.compensated / count, mean.flicker / count};
}

}  // namespace cambium::metrics
