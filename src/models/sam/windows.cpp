#include "models/sam/windows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstring>

#include "core/parallel.h"

namespace cambium::sam {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Layout {
  int64_t batch, height, width, channels, size;

  int64_t rows() const { return (height + size - 1) / size; }  // of windows
  int64_t columns() const { return (width + size - 1) / size; }
};

// For every line of `size` tokens of every window: run(line, grid, inside). The line begins at token `line` of the
// windows and at token `grid` of the grid; its first `inside` tokens lie on the grid, 0 where the whole line is
// padding.
template <class Run>
void for_each_line(const Layout& l, const Run& run) {
  const int64_t lines = l.batch * l.rows() * l.columns() * l.size;
  parallel_for(0, lines, 64, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t within = line % l.size, window = line / l.size;
      const int64_t column = window % l.columns(), row = window / l.columns() % l.rows();
      const int64_t image = window / (l.columns() * l.rows());
      const int64_t y = row * l.size + within, x = column * l.size;
      const int64_t inside = y < l.height ? std::min(l.size, l.width - x) : 0;
      run(line * l.size, (image * l.height + y) * l.width + x, inside);
    }
  });
}

at::Tensor cut(const at::Tensor& grid, const Layout& l, const at::Tensor& fill) {
  if (!grid.device().is_cpu()) {
    at::Tensor padded = fill.expand({l.batch, l.rows() * l.size, l.columns() * l.size, l.channels}).contiguous();
    padded.narrow(1, 0, l.height).narrow(2, 0, l.width).copy_(grid);
    return padded.view({l.batch, l.rows(), l.size, l.columns(), l.size, l.channels})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({-1, l.size, l.size, l.channels});
  }
  at::Tensor out = at::empty({l.batch * l.rows() * l.columns(), l.size, l.size, l.channels}, grid.options());
  const at::Tensor source = grid.contiguous(), padding = fill.contiguous();
  const auto* from = static_cast<const char*>(source.const_data_ptr());
  const auto* pad = static_cast<const char*>(padding.const_data_ptr());
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const auto bytes = static_cast<int64_t>(l.channels * grid.element_size());
  for_each_line(l, [&](int64_t line, int64_t place, int64_t inside) {
    if (inside > 0) std::memcpy(to + line * bytes, from + place * bytes, inside * bytes);
    for (int64_t i = inside; i < l.size; ++i) std::memcpy(to + (line + i) * bytes, pad, bytes);
  });
  return out;
}

at::Tensor join(const at::Tensor& windows, const Layout& l) {
  if (!windows.device().is_cpu()) {
    return windows.reshape({l.batch, l.rows(), l.columns(), l.size, l.size, l.channels})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({l.batch, l.rows() * l.size, l.columns() * l.size, l.channels})
        .narrow(1, 0, l.height)
        .narrow(2, 0, l.width)
        .contiguous();
  }
  at::Tensor out = at::empty({l.batch, l.height, l.width, l.channels}, windows.options());
  const at::Tensor source = windows.contiguous();
  const auto* from = static_cast<const char*>(source.const_data_ptr());
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const auto bytes = static_cast<int64_t>(l.channels * windows.element_size());
  for_each_line(l, [&](int64_t line, int64_t place, int64_t inside) {
    if (inside > 0) std::memcpy(to + place * bytes, from + line * bytes, inside * bytes);
  });
  return out;
}

void keep(AutogradContext* ctx, const Layout& l) {
  ctx->saved_data["layout"] = std::vector<int64_t>{l.batch, l.height, l.width, l.channels, l.size};
}

Layout kept(AutogradContext* ctx) {
  const auto v = ctx->saved_data["layout"].toIntVector();
  return {v[0], v[1], v[2], v[3], v[4]};
}

struct Partition : torch::autograd::Function<Partition> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& fill, int64_t size) {
    const Layout layout{x.size(0), x.size(1), x.size(2), x.size(3), size};
    keep(ctx, layout);
    return cut(x, layout, fill);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor dx = join(grads[0], kept(ctx));
    at::Tensor dfill;
    if (ctx->needs_input_grad(1)) {
      // What did not go to the grid went to the padding.
      const auto sum = [](const at::Tensor& t) { return t.flatten(0, 2).sum(0, false, at::kFloat); };
      dfill = (sum(grads[0]) - sum(dx)).to(grads[0].scalar_type());
    }
    return {dx, dfill, {}};
  }
};

struct Unpartition : torch::autograd::Function<Unpartition> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& windows, int64_t height, int64_t width) {
    const int64_t size = windows.size(1);
    const int64_t count = ((height + size - 1) / size) * ((width + size - 1) / size);
    const Layout layout{windows.size(0) / count, height, width, windows.size(3), size};
    keep(ctx, layout);
    return join(windows, layout);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const Layout layout = kept(ctx);
    return {cut(grads[0], layout, at::zeros({layout.channels}, grads[0].options())), {}, {}};
  }
};

}  // namespace

at::Tensor window_partition(const at::Tensor& x, int64_t size, const at::Tensor& fill) {
  return Partition::apply(x, fill.defined() ? fill.to(x.scalar_type()) : at::zeros({x.size(3)}, x.options()), size);
}

at::Tensor window_unpartition(const at::Tensor& windows, int64_t height, int64_t width) {
  return Unpartition::apply(windows, height, width);
}

}  // namespace cambium::sam
