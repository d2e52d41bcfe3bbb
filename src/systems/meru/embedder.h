#pragma once
// A trained MERU or CLIP as its users see it: pictures and words in, embeddings, scores and distances out.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/device.h"
#include "io/image.h"
#include "models/clip/clip.h"
#include "models/clip/tokenizer.h"
#include "models/meru/loss.h"
#include "systems/meru/model_files.h"

namespace cambium::systems::meru {

// How a picture becomes the tower's square: the protocols of zero-shot classification and of retrieval.
enum class Preprocess { center_crop, squash };

class Embedder {
 public:
  // `root` is CLIP's: the mean of its training embeddings, normalised [E]; undefined where there is none. MERU's is the
  // apex.
  Embedder(std::shared_ptr<cambium::clip::CLIP> model, cambium::meru::LossOptions geometry, at::Tensor root,
           Compute compute);

  // Any checkpoint that models/meru and models/clip can open. A missing file names the page that lists them.
  // With a delta: the foundation that it was trained beside, adapted (systems/meru/adapt.h).
  static Embedder open(const ModelFiles& files, const Compute& compute);

  // Embeddings [N, E] float32: unit vectors (CLIP) or space components (MERU). Pixels are u8 [N, 3, S, S].
  at::Tensor embed_pixels(const at::Tensor& pixels) const;
  // The image tower's features before the projection, [N, W] float32.
  at::Tensor tower_features(const at::Tensor& pixels) const;
  at::Tensor embed_texts(const std::vector<std::string>& texts) const;
  // One embedding for each class, its prompts ensembled (spec: MERU averages tangent vectors, CLIP unit vectors). ->
  // [C, E] Each prompt holds "{}" where the name goes.
  at::Tensor embed_classes(const std::vector<std::string>& names, const std::vector<std::string>& prompts) const;

  // u8 [3, S, S].
  at::Tensor preprocess(const io::Image& image, Preprocess how = Preprocess::center_crop) const;

  // Scores [A, B], higher is nearer: Lorentzian inner product, or dot product.
  at::Tensor scores(const at::Tensor& a, const at::Tensor& b) const;
  // Geodesic distance (MERU), or 1 - cos (CLIP), [A, B].
  at::Tensor distances(const at::Tensor& a, const at::Tensor& b) const;
  // [N]; CLIP's needs a root.
  at::Tensor distance_from_root(const at::Tensor& x) const;
  // Whether each point lies outside each text's entailment cone: bool [T, N]. MERU only.
  at::Tensor outside_cones(const at::Tensor& texts, const at::Tensor& x) const;

  // Rows of `pool` nearest to the points between `x` [E] and the root, in first-seen order; pool.size(0) stands for the
  // root.
  std::vector<int64_t> traverse(const at::Tensor& x, const at::Tensor& pool, int64_t steps = 50) const;
  // The points themselves, x first. -> [steps, E]
  at::Tensor points_to_root(const at::Tensor& x, int64_t steps) const;

  // MERU's points as others exchange them: [time, space] (N, 1 + E), or in the unit Poincare ball (N, E). CLIP: an
  // Error.
  at::Tensor to_hyperboloid(const at::Tensor& x) const;
  at::Tensor to_poincare(const at::Tensor& x) const;

  bool hyperbolic() const { return geometry_.geometry == cambium::meru::Geometry::hyperboloid; }
  bool has_root() const { return hyperbolic() || root_.defined(); }
  double curvature() const;  // c > 0 of MERU; 0 for CLIP
  int64_t image_size() const { return model_->options().visual.image_size; }
  int64_t dim() const { return model_->options().embed_dim; }
  const at::Tensor& root() const { return root_; }
  const std::shared_ptr<cambium::clip::CLIP>& model() const { return model_; }
  const Compute& compute() const { return compute_; }

 private:
  at::Tensor curv() const;
  void need_hyperbolic() const;
  void need_vocabulary() const;

  std::shared_ptr<cambium::clip::CLIP> model_;
  cambium::meru::LossOptions geometry_;
  at::Tensor root_;
  Compute compute_;
  std::shared_ptr<const cambium::clip::Tokenizer> tokenizer_;
};

}  // namespace cambium::systems::meru
