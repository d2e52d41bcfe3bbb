#pragma once
// MERU (arXiv 2304.09172): CLIP's towers and projections, a learned curvature, and one learned scale per modality. Its
// CLIP baseline is clip::CLIP itself; both are used through clip::CLIP, and the functions below know which is which.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "models/clip/clip.h"
#include "models/clip/weights.h"
#include "models/meru/loss.h"

namespace cambium::meru {

struct MERUOptions {
  clip::CLIPOptions clip = {};
  LossOptions loss = LossOptions::meru();
  bool learn_curv = true;

  void validate() const;
};

// Parameter names beyond CLIP's: curv, visual_alpha, textual_alpha (0-D, logarithms).
class MERU : public clip::CLIP {
 public:
  // Weights are allocated, not filled: then initialize(generator), or nn::load_state.
  explicit MERU(const MERUOptions& options);

  // With `project`: points on the hyperboloid, space components, float32. Without: the tangent vectors before alpha.
  at::Tensor encode_image(const at::Tensor& pixels, bool project = true) override;
  at::Tensor encode_text(const at::Tensor& ids, bool project = true) override;
  using clip::CLIP::encode_text;

  void initialize(at::Generator& generator) override;
  // curv = ln(curv_init), alphas = ln(embed_dim^-1/2), logit_scale = ln(1 / 0.07): where hyperbolic training begins.
  void initialize_scalars();

  LossScalars scalars() { return {logit_scale(), curv_, visual_alpha_, textual_alpha_}; }
  at::Tensor curvature() const { return curv_.exp(); }  // c, 0-D
  const LossOptions& loss_options() const { return loss_; }

 private:
  LossOptions loss_;
  at::Tensor curv_, visual_alpha_, textual_alpha_;
};

// EuCLIP (arXiv 2409.13079): CLIP's parameters; embeddings are features times embed_dim^-1/2, not normalised.
class EuCLIP : public clip::CLIP {
 public:
  explicit EuCLIP(const clip::CLIPOptions& options) : clip::CLIP(options) {}
  at::Tensor encode_image(const at::Tensor& pixels, bool project = true) override;
  at::Tensor encode_text(const at::Tensor& ids, bool project = true) override;
  using clip::CLIP::encode_text;

  // As CLIP, but logit_scale = -1, where squared distances train.
  void initialize(at::Generator& generator) override;
};

// The model that `loss` trains: MERU, CLIP or EuCLIP by its geometry. Weights are allocated, not filled.
std::shared_ptr<clip::CLIP> make_model(const clip::CLIPOptions& options, const LossOptions& loss,
                                       bool learn_curv = true);

// The loss's own parameters of any of the models.
LossScalars loss_scalars(clip::CLIP& model);

// c of a MERU, 0-D with gradient; undefined for the others.
at::Tensor curvature(const clip::CLIP& model);

// The geometry and logits of an opened model, with its own numbers where it has them: a MERU's loss_options(), else
// CLIP's.
LossOptions loss_options(const clip::CLIP& model);

// One embedding for several prompts, from their projected features before alpha or normalisation; [..., P, D] -> [...,
// D]. MERU: mean of the tangent vectors, then alpha and the map. CLIP: normalised, mean, normalised. EuCLIP: the mean.
at::Tensor ensemble(clip::CLIP& model, const at::Tensor& prompt_features);
// The same from token lists. -> [D]
at::Tensor ensemble_prompts(clip::CLIP& model, std::span<const std::vector<int32_t>> tokens);

struct Checkpoint {
  std::shared_ptr<clip::CLIP> model;
  // CLIP's stand-in for the root, the normalised mean of its training embeddings, [D]; undefined where the file has
  // none.
  at::Tensor root = {};
};

// MERU if the file holds `curv`, else a CLIP, with its `root` if it holds one: the released meru_vit_*.pth and
// clip_vit_*.pth, our own checkpoints, and other public CLIP layouts. Sizes come from the file. Errors: as
// clip::read_weights, and missing, unexpected or wrongly shaped tensors.
Checkpoint open_checkpoint(const std::filesystem::path& path, const clip::WeightsOptions& options = {});
// The same of weights already read.
Checkpoint open_checkpoint(clip::Weights weights);

// Any CLIP made hyperbolic: its towers and projections, fresh scalars; a MERU keeps its own. The start of adapting one.
std::shared_ptr<MERU> make_hyperbolic(const clip::Weights& weights, const LossOptions& loss = LossOptions::meru(),
                                      bool learn_curv = true);

}  // namespace cambium::meru
