#pragma once
// Sizes of Segment Anything (Kirillov et al. 2023, arXiv 2304.02643), with ViT-B's as defaults.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace cambium::sam {

// What an image in [0, 255] RGB is normalised with before it is padded with zeros.
inline constexpr std::array<float, 3> kPixelMean = {123.675f, 116.28f, 103.53f};
inline constexpr std::array<float, 3> kPixelStd = {58.395f, 57.12f, 57.375f};

struct ImageEncoderOptions {
  int64_t image_size = 1024;  // pixels, square; what pos_embed was trained for
  int64_t patch = 16;         // pixels
  int64_t width = 768;
  int64_t depth = 12;
  int64_t heads = 12;
  int64_t mlp_width = 0;                               // 0: 4 * width
  int64_t window = 14;                                 // patches a side that a windowed block attends within
  std::vector<int64_t> global_blocks = {2, 5, 8, 11};  // these attend over the whole image
  int64_t out_channels = 256;
  bool absolute_positions = true;  // pos_embed
  bool checkpointing = false;      // recompute each block in the backward pass

  int64_t grid() const { return image_size / patch; }
  int64_t hidden() const { return mlp_width ? mlp_width : 4 * width; }
  int64_t head_dim() const { return width / heads; }
  bool is_global(int64_t block) const;
  void validate() const;

  // "vit_b", "vit_l" or "vit_h". UsageError otherwise.
  static ImageEncoderOptions named(const std::string& size);
};

struct PromptEncoderOptions {
  int64_t width = 256;
  int64_t mask_channels = 16;  // of the hidden layers that bring a mask input down to the grid
  int64_t image_size = 1024;   // pixels, square: the frame of the coordinates unless a call says otherwise
  int64_t patch = 16;

  void validate() const;
};

struct MaskDecoderOptions {
  int64_t width = 256;
  int64_t depth = 2;
  int64_t heads = 8;
  int64_t mlp_width = 2048;
  int64_t downsample = 2;  // cross-attention runs at width / downsample
  int64_t masks = 4;       // one for a single answer, the others for several
  int64_t iou_hidden = 256;
  int64_t iou_depth = 3;
  // Above 0: HQ-SAM's decoder (Ke et al. 2023, arXiv 2306.01567), for an encoder of this width.
  int64_t hq_encoder_width = 0;

  bool hq() const { return hq_encoder_width > 0; }
  void validate() const;
};

enum class EncoderKind {
  vit,       // SAM's own
  tiny_vit,  // MobileSAM's (Zhang et al. 2023, arXiv 2306.14289), one size
};

struct SamOptions {
  EncoderKind encoder_kind = EncoderKind::vit;
  ImageEncoderOptions encoder = {};  // of a tiny_vit only image_size, patch and out_channels count
  PromptEncoderOptions prompt = {};
  MaskDecoderOptions decoder = {};

  void validate() const;

  // "vit_b", "vit_l" or "vit_h". UsageError otherwise.
  static SamOptions named(const std::string& size);
};

}  // namespace cambium::sam
