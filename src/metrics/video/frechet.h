#pragma once
// Distances between sets of features (FID, FVD) and the inception score, in f64.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::metrics {

// Of features [N, D]: what a Frechet distance knows of a set.
struct FeatureStatistics {
  at::Tensor mean;        // f64 [D]
  at::Tensor covariance;  // f64 [D, D], over n - 1
  int64_t count = 0;      // N
};

// Error for fewer than two rows, or values that are not finite.
FeatureStatistics feature_statistics(const at::Tensor& features);

// |mu1 - mu2|^2 + tr S1 + tr S2 - 2 sum sqrt(eigenvalues of S1^1/2 S2 S1^1/2), the eigenvalues clipped at 0: what is
// known as FID on Inception's features and as FVD on I3D's. Equal sets give 0 up to rounding, which may be negative.
// With fewer samples than dimensions it is as defined, and biased upwards by far. Error for other numbers of
// dimensions.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);
// Of two sets of features, [N, D] and [M, D]: the same number. With fewer samples than dimensions no covariance is
// made: the sum of roots is then the sum of singular values of the centred sets' product, [N, M].
double frechet_distance(const at::Tensor& a, const at::Tensor& b);

struct InceptionScore {
  double mean = 0, deviation = 0;  // over the splits; the deviation is the population's
};

// exp(mean KL(p || mean p)) of class probabilities [N, C], over `splits` consecutive parts of N / splits rows each
// (rows beyond them are left out). Error for fewer rows than splits, or rows that are no distributions.
InceptionScore inception_score(const at::Tensor& probabilities, int64_t splits = 10);

// Mean over the frames of the cosine between each frame's embedding [T, D] and the text's [D]: one video's part of
// CLIPSIM, which is the mean over videos.
double clip_similarity(const at::Tensor& frames, const at::Tensor& text);

}  // namespace cambium::metrics
