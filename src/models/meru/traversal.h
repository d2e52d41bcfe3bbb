#pragma once
// Image traversals (MERU, "Image traversals" in the experiments): walk from an image to the root and, at each step,
// name the nearest text that still entails the point. Near the image the texts are specific, near the root general.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/meru/lorentz.h"

namespace cambium::meru {

struct TraversalOptions {
  int64_t steps = 50;  // points on the way, both ends included
  double min_radius = 0.1;
  LorentzOptions lorentz = {};
};

// What texts that do not entail a point score.
inline constexpr double kNotEntailing = -1e12;

// Points from the image to the root, [D] -> [steps, D]: equal steps of the tangent vector at the root, which is the
// geodesic. The last point is the root, zeros.
at::Tensor interpolate_to_root(const at::Tensor& image, const at::Tensor& c, const TraversalOptions& options = {});

// The same for CLIP, whose root is an embedding too (the mean training embedding, normalised): equal steps of the
// chord, normalised; [D], [D] -> [steps, D].
at::Tensor interpolate_on_sphere(const at::Tensor& image, const at::Tensor& root, int64_t steps);

// Scores of a pool of texts, whose last row is the root itself, for points [steps, D], pool [P, D] -> [steps, P].
// Lorentzian inner products, kNotEntailing where the text's cone does not hold the point; the root entails everything.
at::Tensor score_points(const at::Tensor& points, const at::Tensor& pool, const at::Tensor& c,
                        const TraversalOptions& options = {});
// CLIP: dot products, no filter.
at::Tensor score_points_on_sphere(const at::Tensor& points, const at::Tensor& pool);

struct Traversal {
  at::Tensor points;                     // [steps, D], image first, root last
  at::Tensor scores;                     // [steps], of the best text
  at::Tensor ids;                        // [steps] int64, its row in the pool
  at::Tensor all_scores;                 // [steps, P]
  std::vector<int64_t> unique_ids = {};  // first-seen order
};

// image [D] and pool [P, D] are finished embeddings (space components), the pool's last row the root (zeros).
Traversal traverse(const at::Tensor& image, const at::Tensor& pool, const at::Tensor& c,
                   const TraversalOptions& options = {});
// CLIP: all normalised; the pool's last row is `root`.
Traversal traverse_on_sphere(const at::Tensor& image, const at::Tensor& pool, const at::Tensor& root,
                             int64_t steps = 50);

}  // namespace cambium::meru
