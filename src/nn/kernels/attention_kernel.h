#pragma once
// Fused attention in bfloat16 for CPUs with AVX-512 BF16: scores, softmax and the weighted sum for a tile of queries
// while everything is in registers and the nearest cache. Plain pointers; fused_attention.cpp is the only caller.
#include <cstdint>

namespace cambium::nn::kernels {

// [B, H, T, D] bfloat16 with any strides (in elements) but 1 in the last dimension.
struct AttentionTensor {
  uint16_t* data = nullptr;
  int64_t batch_stride = 0, head_stride = 0, token_stride = 0;

  uint16_t* at(int64_t batch, int64_t head) const { return data + batch * batch_stride + head * head_stride; }
};

// Decomposed relative positions: the score of query (h, w) and key (kh, kw), rows first, gains
// q . height[h, kh] + q . width[w, kw].
struct RelativeTables {
  const uint16_t* height = nullptr;  // [query_rows, key_rows, D] bfloat16, contiguous; null: none
  const uint16_t* width = nullptr;   // [query_columns, key_columns, D]
  int64_t query_rows = 0, query_columns = 0, key_rows = 0, key_columns = 0;
};

struct AttentionProblem {
  int64_t heads = 0;
  int64_t queries = 0, keys = 0, head_dim = 0;  // head_dim even
  float scale = 1;
  bool causal = false;                   // query i sees keys 0..i
  const int64_t* key_lengths = nullptr;  // per batch row: it sees its first so many keys; null: all
  const bool* key_mask = nullptr;        // [B, keys], true where the row sees the key; null: all
  RelativeTables rel;
};

// Queries first..last-1 of one batch row and head. With relative positions they must be whole grid rows.
struct AttentionPart {
  int64_t batch = 0, head = 0, first = 0, last = 0;
};

// Heads first..last-1 of one batch row.
struct AttentionHeads {
  int64_t batch = 0, first = 0, last = 0;
};

// What the same thread does next, whose rows are fetched on the way; head -1: nothing.
struct AttentionNext {
  int64_t batch = 0, head = -1;
};

// All need AVX-512 BF16 (core/device.h); without it they must not be called.

// out = softmax(scale q k^T + relative positions) v, 0 where a query sees no key. lse [queries of this row and head]:
// log2 of the sum of exp of the query's scores, +1e30 where it sees no key (null: not wanted).
void attention_forward(const AttentionProblem& p, const AttentionPart& part, const AttentionNext& next,
                       const AttentionTensor& q, const AttentionTensor& k, const AttentionTensor& v,
                       const AttentionTensor& out, float* lse);

// Whether attention_few_forward takes it: at most 16 queries, no relative positions.
bool attention_is_few(const AttentionProblem& p);

// The same for all queries of some heads of a batch row; lse [heads, queries] of that row. The rows of batch row `next`
// (-1: none) are fetched on the way.
void attention_few_forward(const AttentionProblem& p, const AttentionHeads& heads, int64_t next,
                           const AttentionTensor& q, const AttentionTensor& k, const AttentionTensor& v,
                           const AttentionTensor& out, float* lse);

// What the backward pass needs beside the forward pass's inputs and results.
struct AttentionGradients {
  AttentionTensor out, dout;   // the result and its gradient
  const float* lse = nullptr;  // of this row and head
  AttentionTensor dq, dk, dv;  // overwritten
  // Relative positions: the tables packed by pack_relative_table, and (null: not wanted) the tables' gradients,
  // float32 in the tables' layout, which are added to.
  const uint32_t *packed_height = nullptr, *packed_width = nullptr;
  float *dheight = nullptr, *dwidth = nullptr;
};

// The gradients of one whole batch row and head.
void attention_backward(const AttentionProblem& p, int64_t batch, int64_t head, const AttentionNext& next,
                        const AttentionTensor& q, const AttentionTensor& k, const AttentionTensor& v,
                        const AttentionGradients& g);

// Words that one packed table takes, and the packing: table [positions, keys, D].
int64_t packed_relative_words(int64_t positions, int64_t keys, int64_t head_dim);
void pack_relative_table(const uint16_t* table, int64_t positions, int64_t keys, int64_t head_dim, uint32_t* packed);

}  // namespace cambium::nn::kernels
