#include "data/masks/transform.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "core/error.h"
#include "io/image_tensor.h"
#include "io/resize.h"

namespace cambium::data {
namespace {

constexpr int64_t kLargest = 8192;  // pixels a side

io::Image mirrored(io::Image image) { return io::orient(std::move(image), 2); }

}  // namespace

void MaskTransformOptions::validate() const {
  if (size < 1 || size > kLargest) {
    throw UsageError(
        {.what = "must be 1 to " + std::to_string(kLargest) + " pixels", .field = "size", .mend = "SAM takes 1024"});
  }
  if (!(flip >= 0 && flip <= 1))
    throw UsageError(
        {.what = "must be a chance, 0 to 1", .field = "flip", .mend = "the original flips half of the pictures"});
}

MaskItem transform(MaskedImage pair, int64_t size, bool flip) {
  MaskItem item{.index = pair.index,
                .name = std::move(pair.name),
                .height = pair.image.height,
                .width = pair.image.width,
                .flipped = flip};
  if (flip) {
    pair.image = mirrored(std::move(pair.image));
    pair.mask = mirrored(std::move(pair.mask));
  }
  item.image = io::to_tensor(io::resize(pair.image, size, size, io::Filter::bilinear));
  item.mask = io::to_tensor(io::resize(pair.mask, size, size, io::Filter::nearest));
  return item;
}

MaskItem transform(MaskedImage pair, const MaskTransformOptions& options, Rng& rng) {
  const bool flip = rng.uniform() < options.flip;
  return transform(std::move(pair), options.size, flip);
}

MaskBatch collate(std::span<const MaskItem> items) {
  if (items.empty()) throw Error({.what = "a batch needs at least one picture", .mend = "give a larger batch"});
  const auto batch = static_cast<int64_t>(items.size());
  const int64_t height = items.front().image.size(1), width = items.front().image.size(2);
  MaskBatch out{.images = at::empty({batch, 3, height, width}, at::kByte),
                .masks = at::empty({batch, 1, height, width}, at::kByte)};
  for (int64_t i = 0; i < batch; ++i) {
    const MaskItem& item = items[static_cast<size_t>(i)];
    if (item.image.size(1) != height || item.image.size(2) != width) {
      throw Error({.what = "a batch holds pictures of different sizes",
                   .field = item.name,
                   .mend = "transform all to one size"});
    }
    out.names.push_back(item.name);
    out.images[i].copy_(item.image);
    out.masks[i].copy_(item.mask);
  }
  return out;
}

at::Tensor normalise(const at::Tensor& images) {
  const auto statistics = [&](const std::array<double, 3>& values) {
    return at::tensor(at::ArrayRef<double>(values), images.options().dtype(at::kFloat)).view({3, 1, 1});
  };
  return io::to_unit_float(images).sub_(statistics(kMaskImageMean)).div_(statistics(kMaskImageStd));
}

at::Tensor mask_target(const at::Tensor& masks, MaskKind kind) {
  if (kind == MaskKind::classes) return masks.squeeze(1).to(at::kLong);  // [B, S, S]
  return io::to_unit_float(masks);                                       // [B, 1, S, S]
}

}  // namespace cambium::data
