#pragma once
// Private to models/sam/mask_*: the inner loops on rows of logits, plain and for AVX2.
#include <cstdint>

namespace cambium::sam {
struct LinearAxis;
}

namespace cambium::sam::kernels {

// out[i] = (1 - w[i]) * in[first[i]] + w[i] * in[second[i]], for all outputs of the axis.
void widen(const float* in, const LinearAxis& axis, float* out);
// out[i] = (1 - w) * upper[i] + w * lower[i].
void blend(const float* upper, const float* lower, float w, int64_t count, float* out);

struct Thresholds {
  float mask, above, below;
};
struct Counts {
  int64_t above = 0, below = 0;
};
// bits[i] = in[i] > mask; counts of in[i] > above and > below.
Counts threshold_row(const float* in, int64_t count, const Thresholds& thresholds, uint8_t* bits);

}  // namespace cambium::sam::kernels
