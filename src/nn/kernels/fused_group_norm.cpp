#include "nn/kernels/fused_group_norm.h"

#include <ATen/ops/empty_like.h>

#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "nn/kernels/group_norm_kernel.h"

namespace cambium::nn::kernels {
namespace {

// A piece of work reads about so many values: some rows of one sample.
constexpr int64_t kPieceValues = 1 << 15;

struct Sizes {
  int64_t batch, channels, rows, piece_rows, pieces;  // rows: pixels of a sample; pieces: of a sample
};

Sizes sizes_of(const at::Tensor& x) {
  Sizes s{.batch = x.size(0), .channels = x.size(1), .rows = 0, .piece_rows = 0, .pieces = 0};
  s.rows = x.numel() / (s.batch * s.channels);
  s.piece_rows = std::max<int64_t>(1, kPieceValues / s.channels);
  s.pieces = (s.rows + s.piece_rows - 1) / s.piece_rows;
  return s;
}

// work(sample, piece, first row counted over all samples, rows) for every piece, on all threads.
template <class Work>
void for_pieces(const Sizes& s, const Work& work) {
  parallel_for(0, s.batch * s.pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t sample = i / s.pieces, piece = i % s.pieces, first = piece * s.piece_rows;
      work(i, sample, sample * s.rows + first, std::min(s.piece_rows, s.rows - first));
    }
  });
}

template <class T>
std::vector<double> sums_of_pieces(const T* x, const Sizes& s) {
  std::vector<double> sums(static_cast<size_t>(s.batch * s.pieces * 2 * s.channels));
  for_pieces(s, [&](int64_t piece, int64_t /*sample*/, int64_t row, int64_t rows) {
    std::vector<float> scratch(static_cast<size_t>(2 * s.channels));
    channel_sums(x + row * s.channels, rows, s.channels, scratch.data(), sums.data() + piece * 2 * s.channels);
  });
  return sums;
}

// y = scale x + shift per sample and channel, from the sums of all pieces.
struct Affine {
  std::vector<float> scale, shift;  // [N, C]
};

Affine affine_of(const std::vector<double>& sums, const Sizes& s, const GroupNormTask& task) {
  const at::Tensor weight = task.weight.to(at::kFloat).contiguous(), bias = task.bias.to(at::kFloat).contiguous();
  const at::Tensor added = task.added.defined() ? task.added.to(at::kFloat).contiguous() : at::Tensor();
  const auto *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
  const auto size = static_cast<size_t>(s.batch * s.channels);
  Affine out{.scale = std::vector<float>(size), .shift = std::vector<float>(size)};
  const int64_t width = s.channels / task.groups;
  const auto rows = static_cast<double>(s.rows);
  std::vector<double> total(static_cast<size_t>(2 * s.channels));
  for (int64_t n = 0; n < s.batch; ++n) {
    std::fill(total.begin(), total.end(), 0.0);
    for (int64_t p = 0; p < s.pieces; ++p) {
      const double* piece = sums.data() + (n * s.pieces + p) * 2 * s.channels;
      for (int64_t c = 0; c < 2 * s.channels; ++c) total[static_cast<size_t>(c)] += piece[c];
    }
    const float* plus = added.defined() ? added.const_data_ptr<float>() + n * s.channels : nullptr;
    for (int64_t g = 0; g < task.groups; ++g) {
      double sum = 0, squares = 0;
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        const double one = total[static_cast<size_t>(c)], two = total[static_cast<size_t>(s.channels + c)];
        const double a = plus ? plus[c] : 0;
        sum += one + rows * a;
        squares += two + 2 * a * one + rows * a * a;
      }
      const double count = rows * static_cast<double>(width), mean = sum / count;
      const double inverse = 1 / std::sqrt(std::max(0.0, squares / count - mean * mean) + task.eps);
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        const auto at = static_cast<size_t>(n * s.channels + c);
        const double scale = inverse * w[c];
        out.scale[at] = static_cast<float>(scale);
        out.shift[at] = static_cast<float>(b[c] + scale * ((plus ? plus[c] : 0) - mean));
      }
    }
  }
  return out;
}

template <class T>
void normalise(const T* x, T* y, const Sizes& s, const GroupNormTask& task) {
  const Affine affine = affine_of(sums_of_pieces(x, s), s, task);
  for_pieces(s, [&](int64_t /*piece*/, int64_t sample, int64_t row, int64_t rows) {
    scale_rows(x + row * s.channels, y + row * s.channels, rows, s.channels, affine.scale.data() + sample * s.channels,
               affine.shift.data() + sample * s.channels, task.silu);
  });
}

}  // namespace

bool group_norm_takes(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.dim() >= 3 &&
         x.numel() > 0 && x.movedim(1, -1).is_contiguous();
}

at::Tensor group_norm(const at::Tensor& x, const GroupNormTask& task) {
  const at::Tensor y = at::empty_like(x);  // keeps the strides
  const Sizes s = sizes_of(x);
  if (x.scalar_type() == at::kFloat) {
    normalise(x.const_data_ptr<float>(), y.mutable_data_ptr<float>(), s, task);
  } else {
    normalise(static_cast<const uint16_t*>(x.const_data_ptr()), static_cast<uint16_t*>(y.mutable_data_ptr()), s, task);
  }
  return y;
}

}  // namespace cambium::nn::kernels
