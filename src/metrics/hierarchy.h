#pragma once
// How well distance from the root orders the general before the specific, and how often entailment cones are left.
// Knows no model: distances, angles and apertures are given.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::metrics {

struct ChainOrder {
  int64_t chains = 0, levels = 0;
  double chains_right = 0;                 // share of chains in strictly rising distance all along
  double pairs_right = 0;                  // share of all pairs (i < j) of a chain with distance i < distance j
  double adjacent_right = 0;               // the same for neighbours only
  double chains_right_chance = 0;          // 1 / levels!: of distances without order
  at::Tensor chain_is_right = {};          // bool [N]
  at::Tensor pair_share = {};              // f64 [N]: of each chain, for standard errors
  std::vector<double> mean_distance = {};  // per level
};

// distances [N, L]: row = a chain from the most general (group, subgroup, name, picture) to the most specific, each the
// distance from the root. Equal distances are not in order.
ChainOrder chain_order(const at::Tensor& distances);

struct ConeViolations {
  int64_t pairs = 0;
  double rate = 0;                           // share of pairs with angle > aperture
  double mean_excess = 0;                    // mean of max(0, angle - aperture), in radians: the entailment loss
  double mean_angle = 0, mean_aperture = 0;  // radians
  at::Tensor violated = {};                  // bool [N]
};

// angle [N]: exterior angle at the general item towards the specific one; aperture [N] (or broadcast): half-aperture of
// the general item's cone, both in radians (MERU, eq. 7-8).
ConeViolations cone_violations(const at::Tensor& angle, const at::Tensor& aperture);

}  // namespace cambium::metrics
