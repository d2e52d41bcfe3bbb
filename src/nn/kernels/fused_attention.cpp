#include "nn/kernels/fused_attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <atomic>

#include "core/device.h"
#include "core/parallel.h"
#include "nn/gradient_recorded.h"
#include "nn/kernels/attention_kernel.h"

namespace cambium::nn::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kMaxHeadDim = 256;
// With fewer rows and heads than this per thread, queries are divided too, into parts of at least so many: each part
// packs the keys anew.
constexpr int64_t kPartsPerThread = 4, kPartQueries = 768;

// t [B, H, T, D]
AttentionTensor view_of(const at::Tensor& t) {
  return {.data = static_cast<uint16_t*>(t.data_ptr()),
          .batch_stride = t.stride(0),
          .head_stride = t.stride(1),
          .token_stride = t.stride(2)};
}

// [B, T, H * D] as [B, H, T, D].
at::Tensor by_head(const at::Tensor& t, int64_t heads) {
  return t.view({t.size(0), t.size(1), heads, -1}).transpose(1, 2);
}

at::Tensor bf16_contiguous(const at::Tensor& t) { return t.defined() ? t.to(at::kBFloat16).contiguous() : t; }

// The options with tensors as the kernel reads them.
FusedAttentionOptions readable(const FusedAttentionOptions& o) {
  FusedAttentionOptions r = o;
  if (r.key_lengths.defined()) r.key_lengths = r.key_lengths.to(at::kLong).contiguous();
  if (r.key_mask.defined()) r.key_mask = r.key_mask.to(at::kBool).contiguous();
  r.height = bf16_contiguous(r.height);
  r.width = bf16_contiguous(r.width);
  return r;
}

// o: readable, and alive as long as the problem.
AttentionProblem problem_of(const at::Tensor& q, const at::Tensor& k, const FusedAttentionOptions& o) {
  AttentionProblem p{.heads = q.size(1),
                     .queries = q.size(2),
                     .keys = k.size(2),
                     .head_dim = q.size(3),
                     .scale = static_cast<float>(o.scale),
                     .causal = o.causal,
                     .key_lengths = o.key_lengths.defined() ? o.key_lengths.const_data_ptr<int64_t>() : nullptr,
                     .key_mask = o.key_mask.defined() ? o.key_mask.const_data_ptr<bool>() : nullptr,
                     .rel = {}};
  if (o.height.defined()) {
    p.rel = {.height = static_cast<const uint16_t*>(o.height.const_data_ptr()),
             .width = static_cast<const uint16_t*>(o.width.const_data_ptr()),
             .query_rows = o.height.size(0),
             .query_columns = o.width.size(0),
             .key_rows = o.height.size(1),
             .key_columns = o.width.size(1)};
  }
  return p;
}

// Runs work(i, next) for i < tasks on all threads, each taking another as it becomes free; `next` is what the same
// thread does after i, or -1.
template <class Work>
void run_tasks(int64_t tasks, const Work& work) {
  std::atomic<int64_t> free{0};
  parallel_for(0, std::min<int64_t>(tasks, at::get_num_threads()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker = begin; worker < end; ++worker) {
      for (int64_t i = free++, next = 0; i < tasks; i = next) {
        next = free++;
        work(i, next < tasks ? next : -1);
      }
    }
  });
}

AttentionNext next_of(const AttentionProblem& p, int64_t row) {
  return {.batch = row / p.heads, .head = row % p.heads};
}

// Writes out [B, Tq, H * D]; lse [B, H, Tq] or undefined.
void forward_into(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionProblem& p,
                  const at::Tensor& out, const at::Tensor& lse) {
  const AttentionTensor qt = view_of(q), kt = view_of(k), vt = view_of(v), ot = view_of(by_head(out, p.heads));
  float* sums = lse.defined() ? lse.mutable_data_ptr<float>() : nullptr;
  const int64_t rows = q.size(0) * p.heads, threads = at::get_num_threads();
  if (attention_is_few(p)) {
    const int64_t step = q.size(0) >= kPartsPerThread * threads ? p.heads : 1, parts = p.heads / step;
    run_tasks(q.size(0) * parts, [&](int64_t i, int64_t next) {
      const int64_t batch = i / parts, first = i % parts * step;
      const AttentionHeads heads{.batch = batch, .first = first, .last = first + step};
      attention_few_forward(p, heads, step == p.heads ? next : -1, qt, kt, vt, ot,
                            sums ? sums + batch * p.heads * p.queries : nullptr);
    });
    return;
  }
  // With relative positions a part is strips of 16 grid rows.
  const int64_t unit = p.rel.height ? 16 * p.rel.query_columns : 48;
  int64_t parts = 1;
  if (threads > 1 && rows % threads != 0 && rows < kPartsPerThread * threads)
    parts = std::clamp<int64_t>(p.queries / kPartQueries, 1, (kPartsPerThread * threads + rows - 1) / rows);
  const int64_t size = ((p.queries + parts - 1) / parts + unit - 1) / unit * unit;
  parts = (p.queries + size - 1) / size;
  run_tasks(rows * parts, [&](int64_t i, int64_t after) {
    const int64_t row = i / parts, first = i % parts * size;
    const AttentionPart part{
        .batch = row / p.heads, .head = row % p.heads, .first = first, .last = std::min(p.queries, first + size)};
    attention_forward(p, part, after < 0 ? AttentionNext{} : next_of(p, after / parts), qt, kt, vt, ot,
                      sums ? sums + row * p.queries : nullptr);
  });
}

struct Wanted {
  bool height = false, width = false;
};

// What the backward pass of both functions does. Returns the tables' gradients, float32, where wanted.
std::array<at::Tensor, 2> backward_into(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                        const FusedAttentionOptions& o, const at::Tensor& out, const at::Tensor& grad,
                                        const at::Tensor& lse, const at::Tensor& dq, const at::Tensor& dk,
                                        const at::Tensor& dv, Wanted wanted) {
  const AttentionProblem p = problem_of(q, k, o);
  const at::Tensor dout = by_head(grad.contiguous(), p.heads);
  const AttentionTensor qt = view_of(q), kt = view_of(k), vt = view_of(v);
  AttentionGradients g{.out = view_of(by_head(out, p.heads)),
                       .dout = view_of(dout),
                       .dq = view_of(dq),
                       .dk = view_of(dk),
                       .dv = view_of(dv)};
  const auto* sums = lse.const_data_ptr<float>();
  const int64_t rows = q.size(0) * p.heads;
  if (!p.rel.height) {
    run_tasks(rows, [&](int64_t i, int64_t next) {
      AttentionGradients own = g;
      own.lse = sums + i * p.queries;
      attention_backward(p, i / p.heads, i % p.heads, next < 0 ? AttentionNext{} : next_of(p, next), qt, kt, vt, own);
    });
    return {};
  }
  const auto pack = [&](const at::Tensor& table) {
    const at::Tensor packed =
        at::empty({packed_relative_words(table.size(0), table.size(1), p.head_dim)}, table.options().dtype(at::kInt));
    pack_relative_table(static_cast<const uint16_t*>(table.const_data_ptr()), table.size(0), table.size(1), p.head_dim,
                        static_cast<uint32_t*>(packed.mutable_data_ptr()));
    return packed;
  };
  const at::Tensor packed_height = pack(o.height), packed_width = pack(o.width);
  g.packed_height = static_cast<const uint32_t*>(packed_height.const_data_ptr());
  g.packed_width = static_cast<const uint32_t*>(packed_width.const_data_ptr());
  // Each worker has a fixed share of the rows, so that the tables' gradients are summed in one order.
  const int64_t workers = std::min<int64_t>(rows, at::get_num_threads());
  const auto sums_of = [&](bool want, const at::Tensor& table) {
    return want ? at::zeros({workers, table.size(0), table.size(1), table.size(2)}, table.options().dtype(at::kFloat))
                : at::Tensor();
  };
  const at::Tensor dheight = sums_of(wanted.height, o.height), dwidth = sums_of(wanted.width, o.width);
  parallel_for(0, workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t worker = begin; worker < end; ++worker) {
      AttentionGradients own = g;
      if (wanted.height) own.dheight = dheight.mutable_data_ptr<float>() + worker * o.height.numel();
      if (wanted.width) own.dwidth = dwidth.mutable_data_ptr<float>() + worker * o.width.numel();
      for (int64_t i = worker; i < rows; i += workers) {
        own.lse = sums + i * p.queries;
        attention_backward(p, i / p.heads, i % p.heads, i + workers < rows ? next_of(p, i + workers) : AttentionNext{},
                           qt, kt, vt, own);
      }
    }
  });
  return {wanted.height ? dheight.sum(0) : at::Tensor(), wanted.width ? dwidth.sum(0) : at::Tensor()};
}

at::Tensor new_output(const at::Tensor& q) {
  return at::empty({q.size(0), q.size(2), q.size(1) * q.size(3)}, q.options());
}
at::Tensor new_sums(const at::Tensor& q) {
  return at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
}

using OptionalTensor = std::optional<at::Tensor>;

OptionalTensor optional(const at::Tensor& t) { return t.defined() ? OptionalTensor(t) : std::nullopt; }

// The options as arguments of an autograd function, in the order that both functions take them.
FusedAttentionOptions options_of(const OptionalTensor& height, const OptionalTensor& width,
                                 const OptionalTensor& key_lengths, const OptionalTensor& key_mask, bool causal,
                                 double scale) {
  return {.causal = causal,
          .scale = scale,
          .key_lengths = key_lengths.value_or(at::Tensor()),
          .key_mask = key_mask.value_or(at::Tensor()),
          .height = height.value_or(at::Tensor()),
          .width = width.value_or(at::Tensor())};
}

// Saves `inputs`, then what the forward pass made, then the options.
void save(AutogradContext* ctx, variable_list inputs, const at::Tensor& out, const at::Tensor& lse,
          const FusedAttentionOptions& given) {
  const FusedAttentionOptions o = readable(given);
  inputs.insert(inputs.end(), {out, lse, o.key_lengths, o.key_mask, o.height, o.width});
  ctx->save_for_backward(inputs);
  ctx->saved_data["causal"] = o.causal;
  ctx->saved_data["scale"] = o.scale;
  ctx->saved_data["dtype"] = given.height.defined() ? given.height.scalar_type() : at::kBFloat16;
  ctx->saved_data["height"] = given.height.defined() && given.height.requires_grad();
  ctx->saved_data["width"] = given.width.defined() && given.width.requires_grad();
}

// Fills dq, dk and dv from what was saved; returns the tables' gradients.
std::array<at::Tensor, 2> restore_and_run(AutogradContext* ctx, const variable_list& saved, size_t inputs,
                                          const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                          const at::Tensor& grad, const at::Tensor& dq, const at::Tensor& dk,
                                          const at::Tensor& dv) {
  const FusedAttentionOptions o{.causal = ctx->saved_data["causal"].toBool(),
                                .scale = ctx->saved_data["scale"].toDouble(),
                                .key_lengths = saved[inputs + 2],
                                .key_mask = saved[inputs + 3],
                                .height = saved[inputs + 4],
                                .width = saved[inputs + 5]};
  const Wanted wanted{.height = ctx->saved_data["height"].toBool(), .width = ctx->saved_data["width"].toBool()};
  auto tables = backward_into(q, k, v, o, saved[inputs], grad, saved[inputs + 1], dq, dk, dv, wanted);
  const auto dtype = ctx->saved_data["dtype"].toScalarType();
  for (at::Tensor& t : tables) {
    if (t.defined()) t = t.to(dtype);
  }
  return tables;
}

struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const OptionalTensor& height, const OptionalTensor& width,
                            const OptionalTensor& key_lengths, const OptionalTensor& key_mask, bool causal,
                            double scale) {
    const FusedAttentionOptions given = options_of(height, width, key_lengths, key_mask, causal, scale),
                                o = readable(given);
    const at::Tensor out = new_output(q), lse = new_sums(q);
    forward_into(q, k, v, problem_of(q, k, o), out, lse);
    save(ctx, {q, k, v}, out, lse, given);
    return out;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto like = [](const at::Tensor& t) {
      return at::empty({t.size(0), t.size(2), t.size(1), t.size(3)}, t.options()).transpose(1, 2);
    };
    const at::Tensor dq = like(saved[0]), dk = like(saved[1]), dv = like(saved[2]);
    const auto [dheight, dwidth] = restore_and_run(ctx, saved, 3, saved[0], saved[1], saved[2], grads[0], dq, dk, dv);
    return {dq, dk, dv, dheight, dwidth, {}, {}, {}, {}};
  }
};

std::array<at::Tensor, 3> unpack(const at::Tensor& packed) {
  return {packed.select(2, 0).transpose(1, 2), packed.select(2, 1).transpose(1, 2),
          packed.select(2, 2).transpose(1, 2)};
}

// Of a packed projection: the gradient is one packed tensor.
struct SelfAttention : torch::autograd::Function<SelfAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& packed, const OptionalTensor& height,
                            const OptionalTensor& width, const OptionalTensor& key_lengths,
                            const OptionalTensor& key_mask, bool causal, double scale) {
    const FusedAttentionOptions given = options_of(height, width, key_lengths, key_mask, causal, scale),
                                o = readable(given);
    const auto [q, k, v] = unpack(packed);
    const at::Tensor out = new_output(q), lse = new_sums(q);
    forward_into(q, k, v, problem_of(q, k, o), out, lse);
    save(ctx, {packed}, out, lse, given);
    return out;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor dpacked = at::empty(saved[0].sizes(), saved[0].options());
    const auto [q, k, v] = unpack(saved[0]);
    const auto [dq, dk, dv] = unpack(dpacked);
    const auto [dheight, dwidth] = restore_and_run(ctx, saved, 1, q, k, v, grads[0], dq, dk, dv);
    return {dpacked, dheight, dwidth, {}, {}, {}, {}};
  }
};

at::Tensor with_contiguous_rows(const at::Tensor& t) { return t.stride(3) == 1 ? t : t.contiguous(); }

}  // namespace

bool fused_attention_takes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (!cpu_features().avx512_bf16) return false;
  for (const at::Tensor* t : {&q, &k, &v}) {
    if (!t->device().is_cpu() || t->scalar_type() != at::kBFloat16 || t->dim() != 4 || t->numel() == 0) return false;
  }
  const int64_t head_dim = q.size(3);
  return head_dim == k.size(3) && head_dim % 2 == 0 && head_dim <= kMaxHeadDim && k.sizes() == v.sizes() &&
         q.size(0) == k.size(0) && q.size(1) == k.size(1) && k.size(2) < INT32_MAX;
}

at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const FusedAttentionOptions& options) {
  const at::Tensor qr = with_contiguous_rows(q), kr = with_contiguous_rows(k), vr = with_contiguous_rows(v);
  if (gradient_recorded(q, k, v, options.height, options.width)) {
    return Attention::apply(qr, kr, vr, optional(options.height), optional(options.width),
                            optional(options.key_lengths), optional(options.key_mask), options.causal, options.scale);
  }
  const at::Tensor out = new_output(q);
  fused_attention_into(out, qr, kr, vr, options);
  return out;
}

void fused_attention_into(const at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const FusedAttentionOptions& options) {
  const at::Tensor qr = with_contiguous_rows(q), kr = with_contiguous_rows(k), vr = with_contiguous_rows(v);
  const FusedAttentionOptions o = readable(options);
  forward_into(qr, kr, vr, problem_of(qr, kr, o), out, {});
}

at::Tensor fused_self_attention(const at::Tensor& packed, const FusedAttentionOptions& options) {
  if (packed.stride(4) == 1 && gradient_recorded(packed, options.height, options.width)) {
    return SelfAttention::apply(packed, optional(options.height), optional(options.width),
                                optional(options.key_lengths), optional(options.key_mask), options.causal,
                                options.scale);
  }
  const auto [q, k, v] = unpack(packed);
  return fused_attention(q, k, v, options);
}

}  // namespace cambium::nn::kernels
