#pragma once
// Sizes and choices of the towers and of the whole model, with the values of MERU's paper (ViT-S) as defaults.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/activation.h"

namespace cambium::clip {

enum class PosEmbed {
  learned,       // trained with the rest (OpenAI CLIP)
  fixed_sincos,  // 2-D sine-cosine of MoCo v3, never trained (MERU)
};

enum class Pool {
  token,    // the class token after the final norm
  average,  // no class token: the mean over patches, then fc_norm
};

struct VisionTransformerOptions {
  int64_t image_size = 224;  // pixels, square
  int64_t patch = 16;        // pixels
  int64_t width = 384;
  int64_t depth = 12;
  int64_t heads = 12;
  int64_t mlp_width = 0;  // 0: 4 * width
  nn::Activation activation = nn::Activation::gelu;
  PosEmbed pos_embed = PosEmbed::fixed_sincos;
  Pool pool = Pool::token;
  bool pre_norm = false;  // OpenAI CLIP: a norm before the first block (and no bias in the patch embedding)
  bool patch_bias = true;
  // Small towers: instead of one patch convolution, 3x3 convolutions of stride 2 with these widths, GELU between, and a
  // last one to `width` ("Early convolutions help transformers see better", Xiao et al. 2021, with a layer norm over
  // the channels where it has batch norm: without a norm small towers do not begin to learn). Their number + 1 must be
  // log2(patch). Empty: none.
  std::vector<int64_t> conv_stem = {};
  bool checkpointing = false;  // recompute each block in the backward pass

  int64_t grid() const { return image_size / patch; }
  int64_t tokens() const { return grid() * grid() + (pool == Pool::token ? 1 : 0); }
  int64_t hidden() const { return mlp_width ? mlp_width : 4 * width; }
  void validate() const;

  // MERU's ViT-S (12 heads, as in MoCo v3), ViT-B and ViT-L at patch 16: "s", "b" or "l". UsageError otherwise.
  static VisionTransformerOptions named(const std::string& size);
};

struct TextTransformerOptions {
  int64_t vocabulary = 49408;
  int64_t context = 77;  // longest sequence, start and end tokens included
  int64_t width = 512;
  int64_t layers = 12;
  int64_t heads = 8;
  int64_t mlp_width = 0;  // 0: 4 * width
  nn::Activation activation = nn::Activation::gelu;
  bool checkpointing = false;

  int64_t hidden() const { return mlp_width ? mlp_width : 4 * width; }
  void validate() const;

  // MERU's architecture string "L12_W512" or "L12_W512_A8": layers, width, heads (default width / 64, at least 1).
  // UsageError otherwise.
  static TextTransformerOptions parse(const std::string& architecture);
};

struct CLIPOptions {
  VisionTransformerOptions visual = {};
  TextTransformerOptions textual = {};
  int64_t embed_dim = 512;
  // What pixels in [0, 1] are normalised with; a checkpoint's own values replace these (ImageNet's).
  std::array<float, 3> pixel_mean = {0.485f, 0.456f, 0.406f};
  std::array<float, 3> pixel_std = {0.229f, 0.224f, 0.225f};

  void validate() const;
};

}  // namespace cambium::clip
