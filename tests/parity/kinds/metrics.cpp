// metrics: Frechet distances of feature sets (`cases`: NAME.a, NAME.b), inception score, CLIP similarity, and I3D's
// resizing (every 8th row and column of the result).
#include <ATen/ATen.h>

#include "metrics/video/frechet.h"
#include "metrics/video/preparation.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

using namespace metrics;

Json frechet_case(const at::Tensor& a, const at::Tensor& b) {
  const FeatureStatistics first = feature_statistics(a), second = feature_statistics(b);
  const double distance = frechet_distance(first, second);
  // Three forms of one number; there is one here.
  return {{"n1", first.count},
          {"n2", second.count},
          {"d", first.mean.size(0)},
          {"fd", distance},
          {"fd_sqrtm", distance},
          {"fd_videogpt", distance},
          {"fd_self", frechet_distance(first, first)}};
}

// [B, 3, T, H, W] -> [B T, 3, 28, 28].
at::Tensor resized_every_8th(const at::Tensor& video) {
  const at::Tensor frames = video.permute({0, 2, 1, 3, 4}).flatten(0, 1);
  return prepare_frames(frames, Preparation::i3d_resize).slice(2, 0, {}, 8).slice(3, 0, {}, 8).contiguous();
}

}  // namespace

Results check_metrics(const Golden& golden) {
  const io::StateDict& tensors = golden.tensors;
  Results results;
  for (const auto& [name, entry] : golden.config.at("cases").items())
    results.json["cases"][name] = frechet_case(tensors.at(name + ".a"), tensors.at(name + ".b"));
  const InceptionScore ten = inception_score(tensors.at("is_probs"), 10),
                       one = inception_score(tensors.at("is_probs"), 1);
  results.json["inception_score"] = {
      {"mean_10_splits", ten.mean}, {"std_10_splits", ten.deviation}, {"one_split", one.mean}};
  results.json["clipsim"] = clip_similarity(tensors.at("clip_frames"), tensors.at("clip_text"));
  results.tensors["i3d_resized_sub8"] = resized_every_8th(tensors.at("i3d_video"));
  return results;
}

}  // namespace cambium::parity
