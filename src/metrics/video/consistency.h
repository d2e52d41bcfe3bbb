#pragma once
// How frames of a film hang together, without any network.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::metrics {

struct CompensationOptions {
  int64_t block = 8;  // pixels a side
  int64_t reach = 4;  // pixels that a block may have moved, either way along each axis
};

// All are means over pixels, channels and frames, in the values' own unit.
struct Consistency {
  double motion = 0;  // |f(t+1) - f(t)|: 0 for a still; to be compared with real films', not lowered
  double compensated =
      0;               // the same after each block has been fetched from where it came from: what motion cannot explain
  double flicker = 0;  // |f(t) - (f(t-1) + f(t+1)) / 2|: what comes and goes within a frame; 0 with two frames
};

// frames: [T, C, H, W], T at least 2, floating point. Blocks that overhang the picture are smaller.
Consistency consistency(const at::Tensor& frames, const CompensationOptions& options = {});

// Mean of the parts over films.
Consistency mean_consistency(const std::vector<Consistency>& films);

}  // namespace cambium::metrics
