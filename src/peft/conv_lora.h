#pragma once
// Conv-LoRA (Zhong et al. 2024, arXiv 2401.17868): a low-rank term with convolutions inside, each expert at a scale of
// its own, for encoders whose tokens lie on a grid. y = x W^T + (alpha / rank) (z + g_e E_e(z)) B^T, z = x A^T, E_e:
// enlarge e + 1 times, convolve 3 x 3, bring back; e the expert that the gate, a softmax over the mean of z, prefers,
// g_e its probability.
#include <ATen/core/Generator.h>
#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace cambium::peft {

struct ConvLoraOptions {
  int64_t rank = 4;
  double alpha = 4;
  int64_t experts = 4;
  std::vector<std::string> targets = {"*.attn.qkv"};  // patterns of linear layers' names (core/glob.h)

  // UsageError naming the field.
  void validate() const;
};

// Adds the term to every layer that a target matches, which must get inputs of shape [B, H, W, in]. A as LoRA's, B
// zero, the convolutions small and random, the gate zero. Parameters (float32, on the layer's device) are named
// <layer>.conv_lora.{a,b,gate} and <layer>.conv_lora.experts.<e>.weight. Freezes nothing. Returns the layers' names.
// UsageError as add_lora.
std::vector<std::string> add_conv_lora(torch::nn::Module& model, const ConvLoraOptions& options,
                                       at::Generator& generator);

}  // namespace cambium::peft
