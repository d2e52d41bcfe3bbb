#pragma once
// The two-layer perceptron of a transformer block.
#include <memory>
#include <string>

#include "nn/activation.h"
#include "nn/linear.h"

namespace cambium::nn {

struct MlpOptions {
  int64_t width = 0;
  int64_t hidden = 0;
  Activation activation = Activation::gelu;
  std::string first = "fc1", second = "fc2";  // the checkpoint's names of the two layers

  void validate() const;
};

class Mlp : public torch::nn::Module {
 public:
  explicit Mlp(const MlpOptions& options);

  // x [..., W] -> [..., W]
  at::Tensor forward(const at::Tensor& x) const;
  // forward(x) + residual
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual) const;

  const std::shared_ptr<Linear>& first() const { return first_; }
  const std::shared_ptr<Linear>& second() const { return second_; }

 private:
  at::Tensor hidden(const at::Tensor& x) const;

  MlpOptions options_;
  std::shared_ptr<Linear> first_, second_;
};

}  // namespace cambium::nn
