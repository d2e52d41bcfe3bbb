#pragma once
// Exact nearest-neighbour search by blocked matrix products: every row is scored, no N x Q matrix exists.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cambium::index {

// How embeddings are compared. dot: by x . y (cosine, if they are unit vectors). lorentz: points of the hyperboloid
// <x, x> = -1/c given by their space components; nearest by geodesic distance.
struct Space {
  enum class Kind { dot, lorentz } kind = Kind::dot;
  double curvature = 0;  // c > 0 of lorentz; 0 for dot

  static Space dot() { return {}; }
  static Space lorentz(double curvature) { return {Kind::lorentz, curvature}; }
  void validate() const;
};
std::string to_string(Space::Kind kind);

struct Hit {
  int64_t row = 0;
  double score = 0;     // dot product, or Lorentz inner product <x, y> (<= -1/c): higher is nearer
  double distance = 0;  // dot: 1 - score; lorentz: acosh(-c <x, y>) / sqrt(c)
};

struct SearchOptions {
  int64_t k = 10;
  int64_t block_rows = 1024;  // rows per matrix product: with 512 dimensions, 2 MB
  int64_t block_queries = 128;

  void validate() const;
};

// The k nearest of rows [N, D] (float32 or bfloat16, CPU, may be mapped from a file) to each of queries [Q, D], nearest
// first; fewer if there are fewer. Rows marked in `removed` (N bytes, 1 = removed; empty: none) are passed over.
// Candidates are ranked in float32, the best k + 32 again in float64, so that distances do not suffer from the
// cancellation between space and time parts; equal scores go by row. The result does not depend on threads.
std::vector<std::vector<Hit>> search_rows(const at::Tensor& rows, const at::Tensor& queries, const Space& space,
                                          const SearchOptions& options = {}, std::span<const uint8_t> removed = {});

// One stage of the way from the root to a query.
struct Level {
  int64_t step = 0;  // which of the points
  std::vector<Hit> hits;
};

// What lies along a path, from the general to the specific: `points` [S, D] lead from near the root to the query (the
// caller interpolates, along the geodesic). A row is listed once, at the first step where it is among the k nearest;
// steps that bring nothing new are left out. The scores are those to the step's point.
std::vector<Level> search_levels(const at::Tensor& rows, const at::Tensor& points, const Space& space,
                                 const SearchOptions& options = {}, std::span<const uint8_t> removed = {});

}  // namespace cambium::index
