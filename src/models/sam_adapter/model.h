#pragma once
// SAM-Adapter (Chen et al. 2023, arXiv 2304.09148): Segment Anything without prompts. Its frozen image encoder is told
// of the task by tokens added before every block (or by another of peft/'s methods), and its mask decoder, which is
// trained, answers at once.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <vector>

#include "models/sam/image_encoder.h"
#include "models/sam/injection.h"
#include "models/sam/mask_decoder.h"
#include "models/sam/options.h"
#include "models/sam/prompt_encoder.h"
#include "models/sam_adapter/prompt_generator.h"

namespace cambium::sam_adapter {

struct SamAdapterOptions {
  sam::SamOptions sam = {};  // the prompt encoder's sizes count only by their width
  std::optional<PromptGeneratorOptions> prompts =
      std::nullopt;  // none: another method adapts the encoder, or nothing does
  // 1: one binary mask, SAM's mask 0. More: one mask a class, the background included, each from a mask token of its
  // own.
  int64_t classes = 1;

  // The prompt generator's options with the encoder's sizes.
  static PromptGeneratorOptions fit(PromptGeneratorOptions prompts, const sam::ImageEncoderOptions& encoder);
  void validate() const;
};

// The names of its tensors are the original's: SAM's image_encoder.* and mask_decoder.*,
// image_encoder.prompt_generator.*, pe_layer.positional_encoding_gaussian_matrix and no_mask_embed.weight.
class SamAdapter : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit SamAdapter(const SamAdapterOptions& options);

  // image [B, 3, H, W], normalised, in any dtype -> mask logits [B, classes, H / 4, W / 4], float32
  at::Tensor forward(const at::Tensor& image);

  // The two halves: what decode() makes of features can be trained on cached ones.
  at::Tensor encode(const at::Tensor& image);           // -> [B, 256, h, w]
  at::Tensor decode(const at::Tensor& features) const;  // -> [B, classes, 4h, 4w]
  // The blocks before the first one that anything trained acts on, and the rest. -> tokens [B, h, w, C]; features
  at::Tensor encode_prefix(const at::Tensor& image, int64_t first_block);
  at::Tensor encode_from(const at::Tensor& tokens, int64_t first_block);

  // What another method adds to the encoder (peft's prompts); replaces the prompt generator's part. Null: nothing.
  void set_injection(std::shared_ptr<const sam::Injection> injection) { injection_ = std::move(injection); }

  // The dtype to compute the towers in (float32 until set; weights keep theirs).
  void set_compute_dtype(c10::ScalarType dtype) { compute_dtype_ = dtype; }
  c10::ScalarType compute_dtype() const { return compute_dtype_; }
  void set_checkpointing(bool on) { image_encoder_->set_checkpointing(on); }

  const SamAdapterOptions& options() const { return options_; }
  const std::shared_ptr<sam::ImageEncoder>& image_encoder() const { return image_encoder_; }
  const std::shared_ptr<sam::MaskDecoder>& mask_decoder() const { return mask_decoder_; }
  const std::shared_ptr<PromptGenerator>& prompt_generator() const { return prompt_generator_; }  // may be null
  const std::shared_ptr<sam::PositionEmbeddingRandom>& pe_layer() const { return pe_layer_; }
  const std::shared_ptr<sam::Embedding>& no_mask_embed() const { return no_mask_embed_; }

 private:
  SamAdapterOptions options_;
  c10::ScalarType compute_dtype_ = c10::kFloat;
  std::shared_ptr<sam::ImageEncoder> image_encoder_;
  std::shared_ptr<PromptGenerator> prompt_generator_;
  std::shared_ptr<const sam::Injection> injection_;
  std::shared_ptr<sam::MaskDecoder> mask_decoder_;
  std::shared_ptr<sam::PositionEmbeddingRandom> pe_layer_;
  std::shared_ptr<sam::Embedding> no_mask_embed_;
};

// Mask logits [B, C, h, w] at another size, bilinearly, as SAM's post-processing does. -> [B, C, height, width]
at::Tensor upscale(const at::Tensor& logits, int64_t height, int64_t width);

}  // namespace cambium::sam_adapter
