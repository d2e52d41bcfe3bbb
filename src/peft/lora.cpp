#include "peft/lora.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.h"
#include "core/random.h"
#include "peft/targets.h"

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

// A term for each of some of the three parts of a packed projection, and none for the others.
class PackedLowRank : public nn::LinearDelta {
 public:
  // a [n rank, in] and b [n out / 3, rank]: one below another in the order of `parts`, each 0 (q), 1 (k) or 2 (v).
  PackedLowRank(at::Tensor a, at::Tensor b, std::vector<int64_t> parts, double scale)
      : a_(std::move(a)), b_(std::move(b)), parts_(std::move(parts)), scale_(scale) {}

  at::Tensor forward(const at::Tensor& x) const override {
    const auto count = static_cast<int64_t>(parts_.size());
    const std::vector<at::Tensor> low = nn::linear(x, a_, {}).chunk(count, -1), up = b_.chunk(count, 0);
    std::vector<at::Tensor> out(3);
    for (size_t i = 0; i < parts_.size(); ++i)
      out[static_cast<size_t>(parts_[i])] = nn::linear(low[i].contiguous(), up[i], {}).mul(scale_);
    const auto given = std::find_if(out.begin(), out.end(), [](const at::Tensor& t) { return t.defined(); });
    const at::Tensor nothing = at::zeros_like(*given, given->options().requires_grad(false));
    for (at::Tensor& part : out) part = part.defined() ? part : nothing;
    return at::cat(out, -1);  // [..., out]
  }

 private:
  at::Tensor a_, b_;
  std::vector<int64_t> parts_;
  double scale_;
};

bool is_packed(const TargetLayer& layer) {
  const std::string leaf = layer.name.substr(layer.name.rfind('.') + 1);
  return (leaf == "qkv" || leaf == "in_proj") && layer.linear->options().out % 3 == 0;
}

void attach(const TargetLayer& layer, const LoraOptions& options, at::Generator& generator) {
  const nn::LinearOptions& size = layer.linear->options();
  std::vector<int64_t> parts;
  if (is_packed(layer)) {
    for (const char part : options.qkv) parts.push_back(part == 'q' ? 0 : part == 'k' ? 1 : 2);
  }
  const int64_t terms = parts.empty() ? 1 : static_cast<int64_t>(parts.size()),
                out = parts.empty() ? size.out : terms * size.out / 3;
  at::Tensor a = at::empty({terms * options.rank, size.in});
  kaiming_uniform_default_(a, generator);
  const c10::Device device = layer.linear->weight.device();
  torch::nn::Module& owner = owner_of(layer);
  a = owner.register_parameter("lora_a", a.to(device));
  const at::Tensor b = owner.register_parameter("lora_b", at::zeros({out, options.rank}).to(device));
  const double scale = options.alpha / static_cast<double>(options.rank);
  if (parts.empty()) {
    layer.linear->set_delta(std::make_shared<LowRank>(a, b, scale));
  } else {
    layer.linear->set_delta(std::make_shared<PackedLowRank>(a, b, std::move(parts), scale));
  }
}

}  // namespace

void LoraOptions::validate() const {
  check_low_rank(rank, alpha, targets);
  for (size_t i = 0; i < qkv.size(); ++i) {
    if (std::string("qkv").find(qkv[i]) == std::string::npos || qkv.find(qkv[i], i + 1) != std::string::npos) {
      throw UsageError({.what = "\"" + qkv + "\" does not name parts of a packed projection",
                        .field = "peft.qkv",
                        .mend = "write q, k and v, each at most once, as qv"});
    }
  }
}

std::vector<std::pair<std::string, std::shared_ptr<nn::Linear>>> linear_layers(torch::nn::Module& model) {
  std::vector<std::pair<std::string, std::shared_ptr<nn::Linear>>> out;
  for (auto& layer : find_layers(model)) out.emplace_back(std::move(layer.name), std::move(layer.linear));
  return out;
}

std::vector<std::string> add_lora(torch::nn::Module& model, const LoraOptions& options, at::Generator& generator) {
  options.validate();
  std::vector<std::string> names;
  for (const TargetLayer& layer : choose_layers(model, options.targets, options.rank)) {
    attach(layer, options, generator);
    names.push_back(layer.name);
  }
  return names;
}

}  // namespace cambium::peft
