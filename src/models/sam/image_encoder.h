#pragma once
// SAM's image encoder: a plain vision transformer with windowed and global attention, decomposed relative positions,
// and a convolutional neck (arXiv 2304.02643, section 3 and appendix A; ViTDet, arXiv 2203.16527).
#include <memory>
#include <vector>

#include "models/sam/encoder.h"
#include "models/sam/encoder_block.h"
#include "models/sam/injection.h"
#include "models/sam/layers.h"
#include "models/sam/neck.h"
#include "models/sam/options.h"

namespace cambium::sam {

// patch_embed.proj: one convolution with kernel = stride = patch, computed as a product.
class PatchEmbed : public torch::nn::Module {
 public:
  explicit PatchEmbed(const ImageEncoderOptions& options);

  // image [B, 3, H, W] -> [B, H / patch, W / patch, C]
  at::Tensor forward(const at::Tensor& image) const;

  void initialize(at::Generator& generator) { proj_->initialize(generator); }

 private:
  int64_t patch_;
  std::shared_ptr<Conv2d> proj_;
};

class ImageEncoder : public Encoder {
 public:
  // Weights are allocated, not filled.
  explicit ImageEncoder(const ImageEncoderOptions& options);

  // image [B, 3, H, W] -> [B, out_channels, H / patch, W / patch]. Any H and W that the patch divides: relative
  // positions are interpolated linearly, pos_embed bicubically. With an injection, its tokens are added on the way;
  // with checkpointing too, it must live until the backward pass is done.
  at::Tensor forward(const at::Tensor& image, const Injection* injection = nullptr);
  ImageFeatures encode(const at::Tensor& image, bool early = false) override;

  // The first `first_block` blocks alone, and the rest with the neck: forward(x) = forward_from(forward_prefix(x, n),
  // n). What a frozen prefix gives can be cached. Tokens [B, H, W, C].
  at::Tensor forward_prefix(const at::Tensor& image, int64_t first_block);
  at::Tensor forward_from(const at::Tensor& tokens, int64_t first_block);

  // Each step by itself, for those who compose them otherwise.
  at::Tensor embed(const at::Tensor& image) const;             // patch embeddings [B, H, W, C], before pos_embed
  at::Tensor position(int64_t height, int64_t width) const;    // pos_embed for that grid, [1, H, W, C]; undefined: none
  const std::shared_ptr<Neck>& neck() const { return neck_; }  // [B, H, W, C] -> [B, out_channels, H, W]

  void initialize(at::Generator& generator) override;
  void set_checkpointing(bool on) override { options_.checkpointing = on; }
  const ImageEncoderOptions& options() const { return options_; }
  const std::shared_ptr<PatchEmbed>& patch_embed() const { return patch_embed_; }
  const std::vector<std::shared_ptr<EncoderBlock>>& blocks() const { return blocks_; }

 private:
  struct Run;
  at::Tensor start(const at::Tensor& image, Run& run) const;
  at::Tensor run_blocks(at::Tensor tokens, int64_t begin, int64_t end, const Run& run) const;
  void check_block(int64_t block) const;

  ImageEncoderOptions options_;
  at::Tensor pos_embed_;  // [1, G, G, C]
  std::shared_ptr<PatchEmbed> patch_embed_;
  std::vector<std::shared_ptr<EncoderBlock>> blocks_;
  std::shared_ptr<Neck> neck_;
};

}  // namespace cambium::sam
