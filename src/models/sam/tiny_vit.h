#pragma once
// MobileSAM's image encoder: TinyViT-5M at SAM's resolution with SAM's neck (Zhang et al. 2023, arXiv 2306.14289; Wu et
// al. 2022, "TinyViT", arXiv 2207.10666, section 3 and appendix).
#include <memory>
#include <vector>

#include "models/sam/encoder.h"
#include "models/sam/neck.h"
#include "models/sam/options.h"

namespace cambium::sam {

// A convolution without bias and a batch norm, which always uses its running statistics, so the two are one
// convolution.
class ConvNorm : public torch::nn::Module {
 public:
  explicit ConvNorm(Conv2dOptions options);

  at::Tensor forward(const at::Tensor& x) const;
  void initialize(at::Generator& generator);

 private:
  struct Norm;
  std::shared_ptr<Conv2d> c_;
  std::shared_ptr<Norm> bn_;
};

// Three convolutions that end a stage with half the resolution (or the same) and another width.
class TinyViTMerging : public torch::nn::Module {
 public:
  TinyViTMerging(int64_t in, int64_t out, int64_t stride);

  at::Tensor forward(const at::Tensor& x) const;
  void initialize(at::Generator& generator);

 private:
  std::shared_ptr<ConvNorm> conv1_, conv2_, conv3_;
};

class TinyViTLayer : public torch::nn::Module {
 public:
  // [B, C, H, W] -> [B, C', H', W'], channels-last in memory
  virtual at::Tensor forward(const at::Tensor& x) const = 0;
  virtual void initialize(at::Generator& generator) = 0;
};

class TinyViT : public Encoder {
 public:
  // Of the options, out_channels counts. Weights are allocated, not filled; batch norms' statistics are 0 and 1.
  explicit TinyViT(const ImageEncoderOptions& options);

  // Early features are those after the second stage, [B, H / 16, W / 16, 160], as HQ-SAM's light model takes them.
  ImageFeatures encode(const at::Tensor& image, bool early = false) override;
  void initialize(at::Generator& generator) override;
  void set_checkpointing(bool on) override { checkpointing_ = on; }

  // The steps of `encode`, for those who look inside: [B, 64, H / 4, W / 4], then stage by stage.
  at::Tensor embed(const at::Tensor& image) const;
  const std::vector<std::shared_ptr<TinyViTLayer>>& layers() const { return layers_; }
  const std::shared_ptr<Neck>& neck() const { return neck_; }

 private:
  bool checkpointing_ = false;
  std::shared_ptr<ConvNorm> embed1_, embed2_;
  std::vector<std::shared_ptr<TinyViTLayer>> layers_;
  std::shared_ptr<nn::LayerNorm> norm_head_;
  std::shared_ptr<nn::Linear> head_;
  std::shared_ptr<Neck> neck_;
};

}  // namespace cambium::sam
