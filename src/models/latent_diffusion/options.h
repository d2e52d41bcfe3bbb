#pragma once
// The sizes of the two networks of an image latent diffusion model (Rombach et al. 2022, arXiv 2112.10752): Stable
// Diffusion's U-Net and its autoencoder. The defaults are Stable Diffusion 1's.
#include <cstdint>
#include <vector>

namespace cambium::latent_diffusion {

struct UNetOptions {
  int64_t in_channels = 4, out_channels = 4;
  std::vector<int64_t> block_out_channels = {320, 640, 1280, 1280};  // one a level, downwards; the way up mirrors them
  std::vector<bool> attention = {true, true, true, false};  // levels with transformers; the middle always has one
  std::vector<bool> only_cross_attention = {false, false, false, false};  // the first attention reads the context too
  std::vector<int64_t> heads = {8, 8, 8, 8};                              // a level; the middle has the last level's
  int64_t layers_per_block = 2;       // residual blocks a level downwards; one more upwards
  int64_t transformer_depth = 1;      // blocks in every transformer
  int64_t cross_attention_dim = 768;  // width of the context
  bool linear_projection = false;     // proj_in and proj_out of transformers: linear (SD 2) or 1x1 convolutions
  int64_t class_embeddings = 0;       // rows of class_embedding (x4 upscaler: noise levels); 0: none
  int64_t norm_groups = 32;

  int64_t levels() const { return static_cast<int64_t>(block_out_channels.size()); }
  int64_t time_width() const { return 4 * block_out_channels.front(); }
  // UsageError, one sentence: lists of other lengths, heads or groups that do not divide the channels.
  void validate() const;
};

struct AutoencoderOptions {
  int64_t image_channels = 3, latent_channels = 4;
  std::vector<int64_t> block_out_channels = {128, 256, 512, 512};  // one a level; each but the last halves the sides
  int64_t layers_per_block = 2;  // residual blocks a level of the encoder; the decoder has one more
  int64_t norm_groups = 32;
  double scaling_factor = 0.18215;  // diffusion latents are this times the autoencoder's
  bool middle_attention = true;
  bool quant_conv = true;       // a 1x1 convolution behind the encoder
  bool post_quant_conv = true;  // one before the decoder (Stable Video Diffusion has none)

  // Pixels a side to one latent.
  int64_t factor() const { return int64_t{1} << (block_out_channels.size() - 1); }
  void validate() const;
};

}  // namespace cambium::latent_diffusion
