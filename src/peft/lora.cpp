#include "peft/lora.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"
#include "core/glob.h"
#include "core/random.h"
#include "nn/attention.h"

namespace cambium::peft {
namespace {

class LowRank : public nn::LinearDelta {
 public:
  // Shares the tensors with the module that they are registered in.
  LowRank(at::Tensor a, at::Tensor b, double scale) : a_(std::move(a)), b_(std::move(b)), scale_(scale) {}

  at::Tensor forward(const at::Tensor& x) const override {
    const at::Tensor low = nn::linear(x, a_, {});  // [..., rank]
    return nn::linear(low, b_, {}).mul(scale_);    // [..., out]
  }

 private:
  at::Tensor a_, b_;
  double scale_;
};

struct Layer {
  std::string name;
  std::shared_ptr<nn::Linear> linear;
  // Where the layer's own tensors are registered under other names: the module that gets a child `leaf` for the new
  // ones.
  std::shared_ptr<torch::nn::Module> holder = {};
  std::string leaf = {};
};

std::vector<Layer> find_layers(torch::nn::Module& model) {
  std::vector<Layer> layers;
  // The empty prefix: names as in the state dict. The model itself is not a layer of itself.
  for (const auto& item : model.named_modules("", /*include_self=*/false)) {
    if (auto linear = std::dynamic_pointer_cast<nn::Linear>(item.value())) {
      layers.push_back({.name = item.key(), .linear = std::move(linear)});
    } else if (auto attention = std::dynamic_pointer_cast<nn::SelfAttention>(item.value());
               attention && attention->options().names == nn::SelfAttentionOptions::Names::torch) {
      layers.push_back(
          {.name = item.key() + ".in_proj", .linear = attention->qkv(), .holder = attention, .leaf = "in_proj"});
    }
  }
  return layers;
}

void attach(const Layer& layer, const LoraOptions& options, at::Generator& generator) {
  const nn::LinearOptions& size = layer.linear->options();
  at::Tensor a = at::empty({options.rank, size.in});
  kaiming_uniform_default_(a, generator);
  const c10::Device device = layer.linear->weight.device();
  std::shared_ptr<torch::nn::Module> owner = layer.linear;
  if (layer.holder) owner = layer.holder->register_module(layer.leaf, std::make_shared<torch::nn::Module>(layer.leaf));
  a = owner->register_parameter("lora_a", a.to(device));
  const at::Tensor b = owner->register_parameter("lora_b", at::zeros({size.out, options.rank}).to(device));
  layer.linear->set_delta(std::make_shared<LowRank>(a, b, options.alpha / static_cast<double>(options.rank)));
}

}  // namespace

void LoraOptions::validate() const {
  if (rank < 1)
    throw UsageError(
        {.what = "must be at least 1, got " + std::to_string(rank), .field = "peft.rank", .mend = "4 to 64 is usual"});
  if (!(alpha > 0))
    throw UsageError({.what = "must be positive", .field = "peft.alpha", .mend = "twice the rank is usual"});
  if (targets.empty())
    throw UsageError({.what = "names no layer", .field = "peft.targets", .mend = "write [\"*.attn.*\"]"});
}

std::vector<std::pair<std::string, std::shared_ptr<nn::Linear>>> linear_layers(torch::nn::Module& model) {
  std::vector<std::pair<std::string, std::shared_ptr<nn::Linear>>> out;
  for (auto& layer : find_layers(model)) out.emplace_back(std::move(layer.name), std::move(layer.linear));
  return out;
}

std::vector<std::string> add_lora(torch::nn::Module& model, const LoraOptions& options, at::Generator& generator) {
  options.validate();
  const std::vector<Layer> layers = find_layers(model);
  for (const auto& target : options.targets) {
    if (std::any_of(layers.begin(), layers.end(), [&](const Layer& layer) { return glob_matches(target, layer.name); }))
      continue;
    std::vector<std::string> names;
    for (const auto& layer : layers) names.push_back(layer.name);
    const std::string close = nearest(target, names);
    throw UsageError({.what = "\"" + target + "\" matches no linear layer of the model",
                      .field = "peft.targets",
                      .mend = !close.empty()  ? "did you mean " + close + "?"
                              : names.empty() ? "the model has none"
                                              : "layers are named as " + names.front()});
  }
  std::vector<const Layer*> chosen;
  for (const Layer& layer : layers) {
    if (!glob_matches_any(options.targets, layer.name)) continue;
    const nn::LinearOptions& size = layer.linear->options();
    if (options.rank >= std::min(size.in, size.out)) {
      throw UsageError({.what = std::to_string(options.rank) + " is no low rank for " + layer.name + " of " +
                                std::to_string(size.in) + " to " + std::to_string(size.out),
                        .field = "peft.rank",
                        .mend = "choose a smaller one"});
    }
    if (layer.linear->delta()) throw UsageError({.what = layer.name + " is adapted already", .field = "peft.targets"});
    chosen.push_back(&layer);
  }
  std::vector<std::string> names;
  for (const Layer* layer : chosen) {
    attach(*layer, options, generator);
    names.push_back(layer->name);
  }
  return names;
}

}  // namespace cambium::peft
