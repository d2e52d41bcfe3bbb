#pragma once
// The U-Net of image latent diffusion (Rombach et al. 2022, arXiv 2112.10752): Stable Diffusion 1 and 2 and the x4
// upscaler. Parameters have diffusers' names (UNet2DConditionModel).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <vector>

#include "models/latent_diffusion/context_cache.h"
#include "models/latent_diffusion/injection.h"
#include "models/latent_diffusion/options.h"
#include "models/latent_diffusion/residual_block.h"
#include "models/latent_diffusion/transformer.h"
#include "nn/conv2d.h"
#include "nn/embedding.h"
#include "nn/group_norm.h"
#include "nn/timestep_embedding.h"

namespace cambium::latent_diffusion {

// What a forward pass may take besides its inputs.
struct UNetExtras {
  at::Tensor class_labels = {};     // [N] int64, where the model has class_embeddings
  at::Tensor added_embedding = {};  // [N, 4 C0], added to the time embedding
  // These two must live until the backward pass is done.
  const Injection* injection = nullptr;
  const ContextCache* context = nullptr;  // what `project` made of the context, to be read instead of it
};

class UNet : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit UNet(const UNetOptions& options);

  // The prediction for noisy latents. x [N, in_channels, h, w], any h and w; timesteps [N] or [1], fractions welcome;
  // context [B, L, cross_attention_dim], B dividing N (row i serves N / B latents that follow each other)
  // -> [N, out_channels, h, w] in x's dtype. Error where the shapes do not fit the model or each other.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& context,
                     const UNetExtras& extras = {}) const;

  // The keys and values of every attention to the context, to be given to many passes. context [B, L, D]
  ContextCache project(const at::Tensor& context) const;

  // The time embedding of `timesteps` with the class and what is added: what residual blocks and injections see.
  // -> [N, 4 C0] in the compute dtype
  at::Tensor time_embedding(const at::Tensor& timesteps, int64_t batch, const UNetExtras& extras = {}) const;

  // PyTorch's defaults, for training from nothing.
  void initialize(at::Generator& generator);
  // Activations of each (residual block, injection) and each transformer are computed again in the backward pass.
  void set_checkpointing(bool on) { checkpointing_ = on; }
  // Weights give their row-major contents up once they are packed (nn/kernels/weight_stamp.h): for models that only
  // predict. Such a model cannot be trained or saved, and keeps its compute dtype.
  void set_keep_packed_only(bool on) { keep_packed_only_ = on; }
  // Products and activations are computed in it; by default in the dtype of conv_in's weight.
  void set_compute_dtype(at::ScalarType dtype) { compute_dtype_ = dtype; }
  at::ScalarType compute_dtype() const { return compute_dtype_.value_or(conv_in_->weight.scalar_type()); }
  const UNetOptions& options() const { return options_; }

 private:
  // The residual blocks of one level on one side, each with a transformer where the level has them.
  struct Level {
    std::vector<std::shared_ptr<ResidualBlock>> residuals;
    std::vector<std::shared_ptr<Transformer>> transformers;
    std::shared_ptr<nn::Conv2d> resample;  // to the next level, or null
  };
  struct Pass;

  void build_down();
  void build_middle();
  void build_up();
  std::shared_ptr<ResidualBlock> residual_at(const std::string& path, int64_t in, int64_t out);
  std::shared_ptr<Transformer> transformer_at(const std::string& path, int64_t level, bool only_cross_attention);
  void check(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& context,
             const UNetExtras& extras) const;
  at::Tensor run_residual(const ResidualBlock& block, const at::Tensor& h, const at::Tensor& skip, Pass& pass) const;
  at::Tensor run_transformer(const Transformer& transformer, const at::Tensor& h, Pass& pass) const;
  at::Tensor run(const at::Tensor& x, Pass& pass) const;
  at::Tensor run_down(at::Tensor h, Pass& pass) const;
  at::Tensor run_up(at::Tensor h, Pass& pass) const;

  UNetOptions options_;
  bool checkpointing_ = false, keep_packed_only_ = false;
  std::optional<at::ScalarType> compute_dtype_;
  std::shared_ptr<nn::Conv2d> conv_in_, conv_out_;
  std::shared_ptr<nn::TimestepEmbedding> time_embedding_;
  std::shared_ptr<nn::Embedding> class_embedding_;
  std::vector<Level> down_, up_;
  Level middle_;
  std::shared_ptr<nn::GroupNorm> conv_norm_out_;
};

}  // namespace cambium::latent_diffusion
