#pragma once
// The hand-crafted feature of SAM-Adapter (Chen et al. 2023, arXiv 2304.09148) and of EVP before it: an image without
// its low frequencies.
#include <ATen/core/Tensor.h>

namespace cambium::sam_adapter {

// Half the side of the box of frequencies that is removed: floor(sqrt(H W rate) / 2), at most half of either side.
int64_t high_pass_line(int64_t height, int64_t width, double rate);

// |Re ifft2(fft2(x) without the frequencies of a box around zero)|. x [B, C, H, W] floating -> the same shape, float32
// or wider. `rate` in [0, 1] is the share of the spectrum's area inside the box: a larger one removes more. The box is
// the original's: row frequencies -line .. line - 1, and columns alike.
at::Tensor fft_highpass(const at::Tensor& x, double rate);

}  // namespace cambium::sam_adapter
