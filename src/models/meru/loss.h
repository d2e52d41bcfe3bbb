#pragma once
// Contrastive losses on projected features: MERU's (Desai et al. 2023, arXiv 2304.09172), its CLIP baseline's,
// HyCoCLIP's (Pal et al. 2024, arXiv 2410.06912) and EuCLIP's (arXiv 2409.13079), which differ in where an embedding
// lives, in what two embeddings' similarity is, and in the entailment term.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/meru/lorentz.h"

namespace cambium::meru {

// Where embeddings live, and how features get there:
//  sphere       x / |x|                                    (CLIP)
//  hyperboloid  exp_map0(x exp(alpha)), space components   (MERU, HyCoCLIP)
//  euclidean    x D^-1/2, D = embedding size               (EuCLIP)
enum class Geometry { sphere, hyperboloid, euclidean };

// What a logit is before the scale:
//  inner             dot product; on the hyperboloid the Lorentzian one (the ablation of MERU's paper)
//  distance          minus the distance
//  squared_distance  minus its square
//  angle             minus the exterior angle at the text (hyperboloid only)
enum class Similarity { inner, distance, squared_distance, angle };

struct LossOptions {
  Geometry geometry = Geometry::hyperboloid;
  Similarity similarity = Similarity::distance;
  double entail_weight = 0.2;       // 0: computed and logged, not added. The sphere has no entailment.
  double min_radius = 0.1;          // K: cones' half-aperture is pi/2 within about this distance of the root
  double curv_init = 1.0;           // the learned curvature is held in [curv_init/10, 10 curv_init]
  double max_logit_scale = 4.6052;  // of the raw (log) scale; the literal of the released code, exp = 100.003
  double whole_aperture = 1;        // factor on the aperture for pairs (text, image)
  double box_aperture = 1.2;        // HyCoCLIP: and for (box, whole image or text)
  LorentzOptions lorentz = {};

  // One sentence (UsageError) if a value is out of range or the parts do not go together.
  void validate() const;

  static LossOptions clip();      // sphere, inner product, no entailment
  static LossOptions meru();      // the defaults
  static LossOptions hycoclip();  // meru() with whole_aperture 0.7; give contrastive_loss the boxes' features too
  static LossOptions euclip();    // euclidean, squared distance; start the raw logit_scale at -1 (0 without entailment)
};

// The loss's own parameters, raw (logarithms), all 0-D. The sphere and the plane use logit_scale only.
struct LossScalars {
  at::Tensor logit_scale;
  at::Tensor curv = {};
  at::Tensor visual_alpha = {};
  at::Tensor textual_alpha = {};
};

// Holds the scalars within their ranges by writing their data (logit_scale <= max_logit_scale, log(curv_init) -+
// log(10), alphas <= 0), as the released code does at the start of each forward: optimizer state and gradients are
// untouched.
void clamp_scalars(const LossScalars& scalars, const LossOptions& options);

// Projected features [B, D] to embeddings [B, D]; `alpha` is the modality's raw scale (hyperboloid only).
at::Tensor embed(const at::Tensor& features, const at::Tensor& alpha, const at::Tensor& curv,
                 const LossOptions& options);

// Unscaled logits [I, T] of image embeddings [I, D] and text embeddings [T, D].
at::Tensor similarity(const at::Tensor& image, const at::Tensor& text, const at::Tensor& curv,
                      const LossOptions& options);

// max(0, exterior angle(x, y) - aperture_factor * half_aperture(x)) of paired rows, [B]: how far y is outside x's cone.
at::Tensor cone_excess(const at::Tensor& x, const at::Tensor& y, const at::Tensor& curv, double aperture_factor,
                       const LossOptions& options);

// Brings every rank's embeddings together. The default is one process: nothing to collect.
class Gather {
 public:
  struct Result {
    at::Tensor all;      // [world * B, D], in rank order; a gradient flows back to the rank that owns a row, summed
    int64_t offset = 0;  // index in `all` of this rank's first row
  };
  virtual ~Gather() = default;
  virtual Result operator()(const at::Tensor& local) { return {local, 0}; }
};

// Projected features of B pairs (before alpha or normalisation), [B, D]. The boxes are HyCoCLIP's.
struct PairFeatures {
  at::Tensor image, text;
  at::Tensor box_image = {}, box_text = {};
};

struct LossOutput {
  at::Tensor loss;                   // 0-D, with gradient
  at::Tensor contrastive_loss = {};  // 0-D
  at::Tensor entailment_loss = {};   // 0-D; undefined on the sphere
  // What a log shows, detached 0-D tensors by name: contrastive_loss, entailment_loss, logit_scale and curv
  // (exponentials), violation_rate (share of pairs whose image lies outside its text's cone), image_norm and text_norm
  // (means).
  std::vector<std::pair<std::string, at::Tensor>> logged = {};
};

// The loss of one rank's B pairs against all ranks' pairs; the mean over ranks is the loss of the whole batch.
// Entailment is over local pairs. Scalars are used as they are: clamp_scalars first, when training.
LossOutput contrastive_loss(const PairFeatures& features, const LossScalars& scalars, const LossOptions& options,
                            Gather& gather);
LossOutput contrastive_loss(const PairFeatures& features, const LossScalars& scalars, const LossOptions& options);

}  // namespace cambium::meru
