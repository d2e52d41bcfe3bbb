#include "models/video_ldm/decoding/frame_store.h"

#include <ATen/ops/empty.h>

#include <array>

#include "io/dtype.h"
#include "io/scratch_bytes.h"

namespace cambium::video_ldm {

FrameStore::FrameStore(const FrameShape& shape, at::ScalarType dtype, int64_t work, MemoryLedger& ledger,
                       const std::filesystem::path& folder)
    : shape_(shape),
      bytes_(shape.elements() * static_cast<int64_t>(c10::elementSize(dtype))),
      spilled_(!ledger.fits(bytes_, work)),
      ledger_(ledger) {
  const std::array sizes = {shape.frames, shape.height, shape.width, shape.channels};
  if (spilled_) {
    values_ = io::tensor_over(io::scratch_bytes(static_cast<size_t>(bytes_), folder), 0, sizes, dtype);
  } else {
    values_ = at::empty(sizes, dtype);
    ledger_.take(bytes_);
  }
}

FrameStore::~FrameStore() {
  if (!spilled_) ledger_.give_back(bytes_);
}

at::Tensor FrameStore::frames(int64_t first, int64_t count) const {
  return values_.narrow(0, first, count).permute({0, 3, 1, 2});
}

}  // namespace cambium::video_ldm
