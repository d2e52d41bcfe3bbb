// seg_metrics: scores of made-up predictions, in the original's way ("repo") and in PySODMetrics' way, and what the
// original makes of a set ("aggregate", over the cases in aggregate.order, of one size). Predictions and masks are
// described by config.pairs: u = uniform("metric." + case), d the squared distance from (0.45 h, 0.55 w), m = min(h,
// w).
#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"
#include "metrics/segmentation/summary.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

using metrics::SegmentationOptions;
using metrics::SegmentationScores;
using metrics::ThresholdCurve;

struct Pair {
  at::Tensor prediction;  // f32 [H, W]
  at::Tensor mask;        // bool [H, W]
};

class Pairs {
 public:
  Pairs(const std::string& name, int64_t height, int64_t width)
      : y_(at::arange(height, at::kDouble).unsqueeze(1).expand({height, width})),
        x_(at::arange(width, at::kDouble).unsqueeze(0).expand({height, width})),
        noise_(uniform("metric." + name, height * width).reshape({height, width})),
        distance_((y_ - 0.45 * static_cast<double>(height)).pow(2) + (x_ - 0.55 * static_cast<double>(width)).pow(2)),
        height_(height),
        width_(width),
        side_(static_cast<double>(std::min(height, width))) {}

  at::Tensor mask(const std::string& kind) const {
    const at::Tensor disc = distance_ < std::pow(0.3 * side_, 2);
    if (kind == "disc") return disc;
    if (kind == "two") return disc | ((y_ < 4) & (x_ < 5));
    if (kind == "one") return (y_ == height_ / 3) & (x_ == width_ / 4);
    if (kind == "lastcol") return x_ == width_ - 1;
    if (kind == "corner") return (x_ == width_ - 1) & (y_ == height_ - 1);
    if (kind == "half") return x_ < width_ / 2;
    if (kind == "empty") return at::zeros_like(disc);
    if (kind == "full") return at::ones_like(disc);
    throw Error({.what = "no mask is called \"" + kind + "\"", .field = "gt"});
  }

  at::Tensor prediction(const std::string& kind) const {
    const at::Tensor soft = (1 / (1 + ((distance_.sqrt() - 0.28 * side_) / 2).exp())).to(at::kFloat);
    if (kind == "soft") return soft;
    if (kind == "mix") return 0.7f * soft + 0.3f * noise_;
    if (kind == "noise") return noise_;
    if (kind == "inv") return 1 - soft;
    if (kind == "low") return 0.05f * soft;
    if (kind == "mid") return 0.485f + 0.01f * noise_;
    if (kind == "exact") return mask("disc").to(at::kFloat);
    if (kind == "const") return at::full_like(soft, 0.4f);
    if (kind == "zero") return at::zeros_like(soft);
    if (kind == "onef") return at::ones_like(soft);
    throw Error({.what = "no prediction is called \"" + kind + "\"", .field = "pred"});
  }

 private:
  at::Tensor y_, x_, noise_, distance_;
  int64_t height_, width_;
  double side_;
};

Json every_16th(const ThresholdCurve& curve) {
  Json out = Json::array();
  for (size_t t = 0; t < curve.size(); t += 16) out.push_back(curve[t]);
  return out;
}

Json in_repo_way(const Pair& pair, const SegmentationScores& scores) {
  // The successor's test script sets what is above one half to 1 and what is below to 0: one half itself stays.
  const at::Tensor binary = (pair.prediction - 0.5).sign().add(1).div(2);
  const SegmentationScores hard = metrics::score_segmentation(binary, pair.mask, SegmentationOptions::official());
  return {{"sm", scores.s},
          {"em_mean", scores.e_mean},
          {"em_adp", scores.e_adaptive},
          {"em_max", scores.e_max},
          {"wfm_beta2_0_3", scores.weighted_f},
          {"mae", scores.mae},
          {"fm_adp_beta2_1", scores.f_adaptive},
          {"fm_mean", scores.f_mean},
          {"fm_max", scores.f_max},
          {"ber", {{"pos_err", scores.positive_error}, {"neg_err", scores.negative_error}, {"ber", scores.ber}}},
          {"kvasir_val_soft", {{"dice", scores.dice}, {"iou", scores.soft_iou}}},
          {"kvasir_test_binarised", {{"dice", scores.dice}, {"iou", hard.soft_iou}}}};
}

Json in_pysodmetrics_way(const Pair& pair) {
  const SegmentationScores scores = metrics::score_segmentation(pair.prediction, pair.mask);
  return {{"sm", scores.s},
          {"em_mean", scores.e_mean},
          {"em_adp", scores.e_adaptive},
          {"em_max", scores.e_max},
          {"em_curve_stride16", every_16th(scores.e_curve)},
          {"wfm", scores.weighted_f},
          {"mae", scores.mae},
          {"fm_adp", scores.f_adaptive},
          {"fm_mean", scores.f_mean},
          {"fm_max", scores.f_max},
          {"fm_curve_stride16", every_16th(scores.f_curve)}};
}

Json aggregate(const std::vector<Pair>& pairs, const std::vector<SegmentationScores>& scores) {
  constexpr int64_t kBatch = 2;
  const auto set = metrics::summarise(scores, /*skip_undefined=*/false);
  const auto training = metrics::official_validation(scores, kBatch);
  const std::vector<SegmentationScores> first(scores.begin(), scores.begin() + kBatch);
  const auto first_batch = metrics::summarise(first, /*skip_undefined=*/false);
  std::vector<std::pair<at::Tensor, at::Tensor>> maps;
  for (const Pair& pair : pairs) maps.emplace_back(pair.prediction, pair.mask.to(at::kFloat));
  const auto f = metrics::official_f(maps);
  return {{"test_way_cod", {set.s, set.e_mean, set.weighted_f, set.mae}},
          {"train_val_way_cod_bs2", {training.s, training.e_mean, training.weighted_f, training.mae}},
          {"first_batch_only_cod", {first_batch.s, first_batch.e_mean, first_batch.weighted_f, first_batch.mae}},
          {"train_val_way_ber_bs2", {training.positive_error, training.negative_error, training.ber}},
          {"fmeasure_batch", {f.f, f.mae}},
          {"pooled_ber_thr125", set.pooled.balanced_error()}};
}

}  // namespace

Results check_seg_metrics(const Golden& golden) {
  Results results;
  std::map<std::string, Pair> pairs;
  std::map<std::string, SegmentationScores> repo;
  for (const auto& [name, entry] : golden.config.at("cases").items()) {
    const Pairs made(name, entry.at("h").get<int64_t>(), entry.at("w").get<int64_t>());
    const Pair pair{.prediction = made.prediction(entry.at("pred")), .mask = made.mask(entry.at("gt"))};
    const SegmentationScores scores =
        metrics::score_segmentation(pair.prediction, pair.mask, SegmentationOptions::official());
    results.json["cases"][name] = {{"gt_pixels", pair.mask.sum().item<int64_t>()},
                                   {"pred_sum", pair.prediction.to(at::kDouble).sum().item<double>()},
                                   {"repo", in_repo_way(pair, scores)},
                                   {"pysodmetrics", in_pysodmetrics_way(pair)},
                                   {"mae_raw", scores.plain_mae}};
    pairs[name] = pair;
    repo[name] = scores;
  }
  std::vector<Pair> ordered;
  std::vector<SegmentationScores> scores;
  for (const auto& name : golden.config.at("aggregate").at("order")) {
    ordered.push_back(pairs.at(name.get<std::string>()));
    scores.push_back(repo.at(name.get<std::string>()));
  }
  results.json["aggregate"] = aggregate(ordered, scores);
  return results;
}

}  // namespace cambium::parity
