#pragma once
// What may be added to a frozen image encoder from outside, without the encoder knowing what it is.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::sam {

class Injection {
 public:
  virtual ~Injection() = default;

  // Once per forward pass: whatever the later calls share, as one tensor (undefined if nothing).
  // patches [B, H, W, C]: the patch embeddings before pos_embed; image [B, 3, S, S], normalised.
  virtual at::Tensor prepare(const at::Tensor& patches, const at::Tensor& image) const = 0;

  // Tokens added to block `block`'s input, [B, H, W, C] or what broadcasts to it; undefined: none. With activation
  // checkpointing this runs again in the backward pass, so that what it computes need not be kept.
  virtual at::Tensor before_block(int64_t block, const at::Tensor& state) const = 0;

  // Tokens [N, C] that block `block` attends to besides its own (normalised and projected as those, without a relative
  // position); undefined: none.
  virtual at::Tensor key_tokens(int64_t /*block*/, const at::Tensor& /*state*/) const { return {}; }

  // The parameters that before_block and key_tokens read for that block: activation checkpointing must know them.
  virtual std::vector<at::Tensor> block_parameters(int64_t block) const = 0;
};

}  // namespace cambium::sam
