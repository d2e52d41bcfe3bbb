#pragma once
// LoRA (Hu et al. 2021, arXiv 2106.09685): y = x W^T + (alpha / rank) x A^T B^T beside a frozen W, A and B trained.
#include <ATen/core/Generator.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/linear.h"

namespace cambium::peft {

struct LoraOptions {
  int64_t rank = 8;
  double alpha = 16;                                // the term is scaled by alpha / rank
  std::vector<std::string> targets = {"*.attn.*"};  // patterns of linear layers' names (core/glob.h)
  // Of packed projections (layers named qkv or in_proj): the parts that get a term of their own, "qv" as SAMed (Zhang
  // and Liu 2023, arXiv 2304.13785) has it; the others get none. "": one term for the layer, as for any other.
  std::string qkv = "";

  // UsageError naming the field.
  void validate() const;
};

// Every linear layer by name, in state-dict order. The packed projection of a SelfAttention with torch's names, whose
// tensors are called attn.in_proj_weight and attn.in_proj_bias, is the layer attn.in_proj.
std::vector<std::pair<std::string, std::shared_ptr<nn::Linear>>> linear_layers(torch::nn::Module& model);

// Adds the low-rank term to every layer that a target matches: A [rank, in] uniform within in^-1/2 (the original's
// Kaiming initialisation), B [out, rank] zero, so that the model computes at first what it did before. They become
// parameters of `model` (float32, on the layer's device), named <layer>.lora_a and <layer>.lora_b, so that optimizers,
// state dicts and activation checkpointing find them. With n parts of a packed projection, A is [n rank, in] and B [n
// out / 3, rank], one below another. Freezes nothing. Returns the layers' names. UsageError for a target that matches
// no layer, a rank that is not below a layer's sizes, or a layer that has a term already.
std::vector<std::string> add_lora(torch::nn::Module& model, const LoraOptions& options, at::Generator& generator);

}  // namespace cambium::peft
