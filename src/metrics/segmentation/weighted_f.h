#pragma once
// Private to metrics/segmentation: the weighted F-measure (Margolin, Zelnik-Manor, Tal 2014).
#include "metrics/segmentation/maps.h"

namespace cambium::metrics::segmentation {

// beta2: beta squared. 0 without foreground.
double weighted_f(const LevelMap& map, const Mask& mask, double beta2);
double weighted_f(const FloatMap& map, const Mask& mask, double beta2);

}  // namespace cambium::metrics::segmentation
