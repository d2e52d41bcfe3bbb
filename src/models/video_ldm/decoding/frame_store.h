#pragma once
// One tensor of every frame of a video, in memory or in a temporary file.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

#include "models/video_ldm/decoding/memory_plan.h"

namespace cambium::video_ldm {

struct FrameShape {
  int64_t frames = 0, channels = 0, height = 0, width = 0;

  int64_t elements() const { return frames * channels * height * width; }
};

class FrameStore {
 public:
  // In memory where the ledger has room for it beside `work` bytes, else in a nameless file in `folder`. The ledger
  // must outlive the store. Error as io::scratch_bytes.
  FrameStore(const FrameShape& shape, at::ScalarType dtype, int64_t work, MemoryLedger& ledger,
             const std::filesystem::path& folder);
  ~FrameStore();
  FrameStore(const FrameStore&) = delete;
  FrameStore& operator=(const FrameStore&) = delete;

  const FrameShape& shape() const { return shape_; }
  // The frames first .. first + count - 1, in place, on the host. -> [count, C, h, w], channels-last in memory
  at::Tensor frames(int64_t first, int64_t count) const;
  // x [n, C, h, w] from any device
  void put(int64_t first, const at::Tensor& x) { frames(first, x.size(0)).copy_(x); }
  // Bytes in a file: all or none.
  int64_t spilled_bytes() const { return spilled_ ? bytes_ : 0; }

 private:
  FrameShape shape_;
  int64_t bytes_;
  bool spilled_;
  MemoryLedger& ledger_;
  at::Tensor values_;  // [T, h, w, C]
};

}  // namespace cambium::video_ldm
