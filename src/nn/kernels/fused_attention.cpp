#include "nn/kernels/fused_attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/device.h"
#include "nn/kernels/attention_kernel.h"

namespace cambium::nn::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

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

AttentionProblem problem_of(const at::Tensor& q, const at::Tensor& k, bool causal, double scale,
                            const at::Tensor& key_lengths) {
  return {.heads = q.size(1),
          .queries = q.size(2),
          .keys = k.size(2),
          .head_dim = q.size(3),
          .scale = static_cast<float>(scale),
          .causal = causal,
          .key_lengths = key_lengths.defined() ? key_lengths.const_data_ptr<int64_t>() : nullptr};
}

// Writes out [B, Tq, H * D]; lse [B, H, Tq] or undefined.
void forward_into(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionProblem& p,
                  const at::Tensor& out, const at::Tensor& lse) {
  const AttentionTensor qt = view_of(q), kt = view_of(k), vt = view_of(v), ot = view_of(by_head(out, p.heads));
  float* sums = lse.defined() ? lse.mutable_data_ptr<float>() : nullptr;
  at::parallel_for(0, q.size(0) * p.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      attention_forward(p, i / p.heads, i % p.heads, qt, kt, vt, ot, sums ? sums + i * p.queries : nullptr);
    }
  });
}

void backward_into(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionProblem& p,
                   const at::Tensor& grad, const at::Tensor& lse, const at::Tensor& dq, const at::Tensor& dk,
                   const at::Tensor& dv) {
  const at::Tensor dout = by_head(grad.contiguous(), p.heads);
  const AttentionTensor qt = view_of(q), kt = view_of(k), vt = view_of(v), dot = view_of(dout);
  const AttentionTensor dqt = view_of(dq), dkt = view_of(dk), dvt = view_of(dv);
  const auto* sums = lse.const_data_ptr<float>();
  at::parallel_for(0, q.size(0) * p.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      attention_backward(p, i / p.heads, i % p.heads, qt, kt, vt, dot, sums + i * p.queries, dqt, dkt, dvt);
    }
  });
}

at::Tensor new_output(const at::Tensor& q) {
  return at::empty({q.size(0), q.size(2), q.size(1) * q.size(3)}, q.options());
}
at::Tensor new_sums(const at::Tensor& q) {
  return at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
}

using OptionalTensor = std::optional<at::Tensor>;

struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            bool causal, double scale, const OptionalTensor& key_lengths) {
    const at::Tensor lengths = key_lengths.value_or(at::Tensor()), out = new_output(q), lse = new_sums(q);
    forward_into(q, k, v, problem_of(q, k, causal, scale, lengths), out, lse);
    ctx->save_for_backward({q, k, v, lse, lengths});
    ctx->saved_data["causal"] = causal;
    ctx->saved_data["scale"] = scale;
    return out;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const auto p = problem_of(q, k, ctx->saved_data["causal"].toBool(), ctx->saved_data["scale"].toDouble(), saved[4]);
    const auto like = [](const at::Tensor& t) {
      return at::empty({t.size(0), t.size(2), t.size(1), t.size(3)}, t.options()).transpose(1, 2);
    };
    const at::Tensor dq = like(q), dk = like(k), dv = like(v);
    backward_into(q, k, v, p, grads[0], saved[3], dq, dk, dv);
    return {dq, dk, dv, {}, {}, {}};
  }
};

std::array<at::Tensor, 3> unpack(const at::Tensor& packed) {
  return {packed.select(2, 0).transpose(1, 2), packed.select(2, 1).transpose(1, 2),
          packed.select(2, 2).transpose(1, 2)};
}

struct SelfAttention : torch::autograd::Function<SelfAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& packed, bool causal, double scale) {
    const auto [q, k, v] = unpack(packed);
    const at::Tensor out = new_output(q), lse = new_sums(q);
    forward_into(q, k, v, problem_of(q, k, causal, scale, {}), out, lse);
    ctx->save_for_backward({packed, lse});
    ctx->saved_data["causal"] = causal;
    ctx->saved_data["scale"] = scale;
    return out;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor dpacked = at::empty(saved[0].sizes(), saved[0].options());
    const auto [q, k, v] = unpack(saved[0]);
    const auto [dq, dk, dv] = unpack(dpacked);
    const auto p = problem_of(q, k, ctx->saved_data["causal"].toBool(), ctx->saved_data["scale"].toDouble(), {});
    backward_into(q, k, v, p, grads[0], saved[1], dq, dk, dv);
    return {dpacked, {}, {}};
  }
};

}  // namespace

bool fused_attention_takes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (!cpu_features().avx512_bf16) return false;
  for (const at::Tensor* t : {&q, &k, &v}) {
    if (!t->device().is_cpu() || t->scalar_type() != at::kBFloat16 || t->dim() != 4 || t->numel() == 0 ||
        t->stride(3) != 1)
      return false;
  }
  const int64_t head_dim = q.size(3);
  return head_dim == k.size(3) && head_dim == v.size(3) && head_dim % 2 == 0 && head_dim <= kMaxHeadDim &&
         k.size(2) <= kMaxKeys && k.sizes() == v.sizes() && q.size(0) == k.size(0) && q.size(1) == k.size(1);
}

at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const FusedAttentionOptions& options) {
  if (c10::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad())) {
    return Attention::apply(q, k, v, options.causal, options.scale,
                            options.key_lengths.defined() ? OptionalTensor(options.key_lengths) : std::nullopt);
  }
  const at::Tensor out = new_output(q);
  forward_into(q, k, v, problem_of(q, k, options.causal, options.scale, options.key_lengths), out, {});
  return out;
}

at::Tensor fused_self_attention(const at::Tensor& packed, const FusedAttentionOptions& options) {
  if (c10::GradMode::is_enabled() && packed.requires_grad())
    return SelfAttention::apply(packed, options.causal, options.scale);
  const auto [q, k, v] = unpack(packed);
  return fused_attention(q, k, v, options);
}

}  // namespace cambium::nn::kernels
