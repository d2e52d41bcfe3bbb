#include "peft/targets.h"

#include "core/error.h"
#include "core/glob.h"
#include "nn/attention.h"

namespace cambium::peft {

std::vector<TargetLayer> find_layers(torch::nn::Module& model) {
  std::vector<TargetLayer> layers;
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

std::vector<TargetLayer> choose_layers(torch::nn::Module& model, const std::vector<std::string>& targets,
                                       int64_t rank) {
  std::vector<TargetLayer> layers = find_layers(model);
  for (const auto& target : targets) {
    if (std::any_of(layers.begin(), layers.end(),
                    [&](const TargetLayer& layer) { return glob_matches(target, layer.name); }))
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
  std::erase_if(layers, [&](const TargetLayer& layer) { return !glob_matches_any(targets, layer.name); });
  for (const TargetLayer& layer : layers) {
    const nn::LinearOptions& size = layer.linear->options();
    if (rank >= std::min(size.in, size.out)) {
      throw UsageError({.what = std::to_string(rank) + " is no low rank for " + layer.name + " of " +
                                std::to_string(size.in) + " to " + std::to_string(size.out),
                        .field = "peft.rank",
                        .mend = "choose a smaller one"});
    }
    if (layer.linear->delta()) throw UsageError({.what = layer.name + " is adapted already", .field = "peft.targets"});
  }
  return layers;
}

torch::nn::Module& owner_of(const TargetLayer& layer) {
  if (!layer.holder) return *layer.linear;
  for (const auto& child : layer.holder->named_children()) {
    if (child.key() == layer.leaf) return *child.value();
  }
  return *layer.holder->register_module(layer.leaf, std::make_shared<torch::nn::Module>(layer.leaf));
}

void check_low_rank(int64_t rank, double alpha, const std::vector<std::string>& targets) {
  if (rank < 1) {
    throw UsageError(
        {.what = "must be at least 1, got " + std::to_string(rank), .field = "peft.rank", .mend = "4 to 64 is usual"});
  }
  if (!(alpha > 0))
    throw UsageError({.what = "must be positive", .field = "peft.alpha", .mend = "twice the rank is usual"});
  if (targets.empty())
    throw UsageError({.what = "names no layer", .field = "peft.targets", .mend = "write [\"*.attn.*\"]"});
}

}  // namespace cambium::peft
