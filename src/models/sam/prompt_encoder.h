#pragma once
// SAM's prompt encoder: points, boxes and masks to embeddings (arXiv 2304.02643, section 3 and appendix A).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <utility>
#include <vector>

#include "models/sam/layers.h"
#include "models/sam/options.h"

namespace cambium::sam {

// The prompts of B masks. Coordinates are pixels (x, y) of the encoder's padded input; undefined: none of that kind.
struct Prompts {
  at::Tensor points = {};  // [B, N, 2]
  at::Tensor labels = {};  // [B, N]: 1 object, 0 background, -1 padding; with points
  at::Tensor boxes = {};   // [B, 4] x0, y0, x1, y1
  at::Tensor masks = {};   // [B, 1, 4h, 4w] logits of an earlier answer

  // B; 1 where there is no prompt.
  int64_t batch() const;
};

struct PromptEmbeddings {
  at::Tensor sparse;  // [B, N, C], N may be 0; float32
  at::Tensor dense;   // [B, C, h, w]; [1, C, h, w] without masks: the same for every prompt; float32
};

// Coordinates as random Fourier features (Tancik et al. 2020): [sin(2 pi (2c - 1) G), cos(2 pi (2c - 1) G)].
class PositionEmbeddingRandom : public torch::nn::Module {
 public:
  explicit PositionEmbeddingRandom(int64_t width);

  // coordinates [..., 2] as (x, y) in [0, 1], any floating dtype -> [..., C], float32
  at::Tensor encode(const at::Tensor& coordinates) const;
  // Of every cell's centre. -> [1, C, height, width]
  at::Tensor grid(int64_t height, int64_t width) const;
  void initialize(at::Generator& generator);

 private:
  at::Tensor gaussian_;  // [2, C / 2]
};

class PromptEncoder : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit PromptEncoder(const PromptEncoderOptions& options);

  // Position embedding of the image grid. -> [1, C, h, w], channels-last in memory, float32
  at::Tensor dense_pe(int64_t height, int64_t width) const;
  at::Tensor dense_pe() const;

  // `height`, `width`: pixels of the encoder's input. Error for shapes that do not fit together.
  PromptEmbeddings encode(const Prompts& prompts, int64_t height, int64_t width) const;
  PromptEmbeddings encode(const Prompts& prompts) const;

  void initialize(at::Generator& generator);
  const PromptEncoderOptions& options() const { return options_; }

 private:
  at::Tensor embed_points(const at::Tensor& points, const at::Tensor& labels, bool pad, int64_t height,
                          int64_t width) const;
  at::Tensor embed_boxes(const at::Tensor& boxes, int64_t height, int64_t width) const;
  at::Tensor embed_masks(const at::Tensor& masks) const;

  PromptEncoderOptions options_;
  std::shared_ptr<PositionEmbeddingRandom> pe_layer_;
  std::vector<std::shared_ptr<Embedding>> point_embeddings_;  // background, object, box corner 0, box corner 1
  std::shared_ptr<Embedding> not_a_point_embed_, no_mask_embed_;
  std::vector<std::shared_ptr<Conv2d>> mask_convs_;       // three
  std::vector<std::shared_ptr<LayerNorm2d>> mask_norms_;  // behind the first two
};

}  // namespace cambium::sam
