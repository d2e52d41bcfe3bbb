#pragma once
// Fused attention in bfloat16 for CPUs with AVX-512 BF16: scores, softmax and the weighted sum for a tile of queries
// while everything is in the caches. Plain pointers; fused_attention.cpp is the only caller.
#include <cstdint>

namespace cambium::nn::kernels {

// [B, H, T, D] bfloat16 with any strides (in elements) but 1 in the last dimension.
struct AttentionTensor {
  uint16_t* data = nullptr;
  int64_t batch_stride = 0, head_stride = 0, token_stride = 0;

  uint16_t* at(int64_t batch, int64_t head) const { return data + batch * batch_stride + head * head_stride; }
};

struct AttentionProblem {
  int64_t heads = 0;
  int64_t queries = 0, keys = 0, head_dim = 0;  // head_dim even, at most kMaxHeadDim
  float scale = 1;
  bool causal = false;                   // query i sees keys 0..i
  const int64_t* key_lengths = nullptr;  // per batch row: it sees that many keys, at least 1; null: all
};

inline constexpr int64_t kMaxHeadDim = 256;
inline constexpr int64_t kMaxKeys = 8192;

// Both need AVX-512 BF16 (core/device.h); without it they must not be called.

// One batch row and head: out = softmax(scale q k^T) v; lse[i] = log sum of exp of the row's scores (null: not wanted).
void attention_forward(const AttentionProblem& p, int64_t batch, int64_t head, const AttentionTensor& q,
                       const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& out, float* lse);

// Its gradients, from the same inputs and lse. Nothing is added: dq, dk and dv are overwritten.
void attention_backward(const AttentionProblem& p, int64_t batch, int64_t head, const AttentionTensor& q,
                        const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& dout,
                        const float* lse, const AttentionTensor& dq, const AttentionTensor& dk,
                        const AttentionTensor& dv);

}  // namespace cambium::nn::kernels
