#include "peft/conv_lora.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"
#include "core/random.h"
#include "nn/linear.h"
#include "peft/targets.h"

namespace cambium::peft {
namespace {

class ConvTerm : public nn::LinearDelta {
 public:
  // Shares the tensors with the module that they are registered in.
  ConvTerm(at::Tensor a, at::Tensor b, at::Tensor gate, std::vector<at::Tensor> experts, double scale)
      : a_(std::move(a)), b_(std::move(b)), gate_(std::move(gate)), experts_(std::move(experts)), scale_(scale) {}

  at::Tensor forward(const at::Tensor& x) const override {
    if (x.dim() != 4) {
      throw Error({.what = "Conv-LoRA needs tokens on a grid, [B, H, W, C]",
                   .field = "peft.targets",
                   .mend = "adapt the layers of image blocks alone"});
    }
    const at::Tensor z = nn::linear(x, a_, {});                                                        // [B, H, W, r]
    const at::Tensor chances = at::softmax(nn::linear(z.mean({1, 2}), gate_, {}).to(at::kFloat), -1);  // [B, experts]
    std::vector<at::Tensor> rows;
    for (int64_t i = 0; i < z.size(0); ++i) {
      const auto best = chances[i].argmax().item<int64_t>();
      rows.push_back(z[i] + chances[i][best].to(z.scalar_type()) * expert(z[i], best));
    }
    return nn::linear(at::stack(rows), b_, {}).mul(scale_);
  }

 private:
  // z [H, W, r] -> the same
  at::Tensor expert(const at::Tensor& z, int64_t index) const {
    const int64_t height = z.size(0), width = z.size(1), times = index + 1;
    at::Tensor grid = z.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat);
    if (times > 1) grid = at::upsample_bilinear2d(grid, {times * height, times * width}, false);
    grid = at::conv2d(grid, experts_[static_cast<size_t>(index)], {}, 1, 1);
    if (times > 1) grid = at::upsample_bilinear2d(grid, {height, width}, false);
    return grid.squeeze(0).permute({1, 2, 0}).to(z.scalar_type());
  }

  at::Tensor a_, b_, gate_;
  std::vector<at::Tensor> experts_;
  double scale_;
};

}  // namespace

void ConvLoraOptions::validate() const {
  check_low_rank(rank, alpha, targets);
  if (experts < 1 || experts > 16)
    throw UsageError(
        {.what = std::to_string(experts) + " is out of range", .field = "peft.experts", .mend = "use 1 to 16"});
}

std::vector<std::string> add_conv_lora(torch::nn::Module& model, const ConvLoraOptions& options,
                                       at::Generator& generator) {
  options.validate();
  std::vector<std::string> names;
  for (const TargetLayer& layer : choose_layers(model, options.targets, options.rank)) {
    const nn::LinearOptions& size = layer.linear->options();
    const c10::Device device = layer.linear->weight.device();
    const auto owner = owner_of(layer).register_module("conv_lora", std::make_shared<torch::nn::Module>("conv_lora"));
    at::Tensor a = at::empty({options.rank, size.in});
    kaiming_uniform_default_(a, generator);
    a = owner->register_parameter("a", a.to(device));
    const at::Tensor b = owner->register_parameter("b", at::zeros({size.out, options.rank}).to(device));
    const at::Tensor gate = owner->register_parameter("gate", at::zeros({options.experts, options.rank}).to(device));
    const auto list = owner->register_module("experts", std::make_shared<torch::nn::Module>("experts"));
    std::vector<at::Tensor> experts;
    for (int64_t e = 0; e < options.experts; ++e) {
      at::Tensor weight = at::empty({options.rank, options.rank, 3, 3});
      kaiming_uniform_default_(weight, generator);
      const auto expert = list->register_module(std::to_string(e), std::make_shared<torch::nn::Module>("expert"));
      experts.push_back(expert->register_parameter("weight", weight.to(device)));
    }
    layer.linear->set_delta(
        std::make_shared<ConvTerm>(a, b, gate, std::move(experts), options.alpha / static_cast<double>(options.rank)));
    names.push_back(layer.name);
  }
  return names;
}

}  // namespace cambium::peft
