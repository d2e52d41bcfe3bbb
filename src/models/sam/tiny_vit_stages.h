#pragma once
// The stages of TinyViT (Wu et al. 2022, arXiv 2207.10666, section 3.2): one of inverted bottlenecks, three of windowed
// attention with a depthwise convolution.
#include <memory>
#include <optional>
#include <vector>

#include "models/sam/tiny_vit.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace cambium::sam {

// The merging that follows a stage's blocks.
struct TinyViTStageEnd {
  int64_t out = 0, stride = 2;
};

class InvertedBottleneck;

class ConvStage : public TinyViTLayer {
 public:
  ConvStage(int64_t depth, int64_t width, TinyViTStageEnd end);
  ~ConvStage() override;
  at::Tensor forward(const at::Tensor& x) const override;
  void initialize(at::Generator& generator) override;

 private:
  std::vector<std::shared_ptr<InvertedBottleneck>> blocks_;
  std::shared_ptr<TinyViTMerging> downsample_;
};

struct AttentionStageOptions {
  int64_t depth = 0, width = 0, heads = 0, window = 0;
  std::optional<TinyViTStageEnd> end = std::nullopt;
};

class TinyViTBlock;

class AttentionStage : public TinyViTLayer {
 public:
  explicit AttentionStage(const AttentionStageOptions& options);
  ~AttentionStage() override;
  at::Tensor forward(const at::Tensor& x) const override;
  void initialize(at::Generator& generator) override;

 private:
  std::vector<std::shared_ptr<TinyViTBlock>> blocks_;
  std::shared_ptr<TinyViTMerging> downsample_;  // null in the last stage
};

}  // namespace cambium::sam
