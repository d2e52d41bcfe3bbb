#include "systems/sam_adapter/eval/evaluation.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "io/image_tensor.h"
#include "io/resize.h"

namespace cambium::systems::sam_adapter {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPictureLimit = size_t{256} << 20;
constexpr int64_t kShownFaults = 100;

at::Tensor plane(const io::Image& image) { return io::to_tensor(image).squeeze(0); }  // [H, W]

metrics::SegmentationOptions official_options() { return metrics::SegmentationOptions::official(); }

ScoredSet summarised(std::string name, std::vector<ScoredImage> images) {
  ScoredSet set{.name = std::move(name), .images = std::move(images)};
  std::vector<metrics::SegmentationScores> scores, compat;
  for (const ScoredImage& image : set.images) {
    scores.push_back(image.scores);
    if (image.compat) compat.push_back(*image.compat);
  }
  set.summary = metrics::summarise(scores);
  if (!compat.empty()) set.compat = metrics::summarise(compat, /*skip_undefined=*/false);
  return set;
}

ScoredImage score(const data::MaskedImage& pair, const PredictedMask& predicted, const EvalOptions& options) {
  const at::Tensor mask = plane(pair.mask);
  ScoredImage out{.name = pair.name, .height = pair.mask.height, .width = pair.mask.width};
  out.scores = metrics::score_segmentation(predicted.probability, mask, options.scores);
  if (!options.compat) return out;
  if (!predicted.at_input.defined()) {
    out.compat = metrics::score_segmentation(predicted.probability, mask, official_options());
  } else {
    const at::Tensor squashed =
        plane(io::resize(pair.mask, predicted.at_input.size(1), predicted.at_input.size(0), io::Filter::nearest));
    out.compat = metrics::score_segmentation(predicted.at_input, squashed, official_options());
  }
  return out;
}

}  // namespace

ScoredSet evaluate_model(const std::string& name, const data::MaskPairs& pairs, const MaskPredictor& predict,
                         const EvalOptions& options) {
  const at::NoGradGuard no_grad;
  std::vector<ScoredImage> images(static_cast<size_t>(pairs.size()));
  Progress bar("evaluating " + name, pairs.size(), "pictures");
  const auto load = [&](int64_t i) { return data::decode_pair(pairs.get(i), pairs.options()); };
  // The next picture is decoded and the last one scored while the model is at work.
  std::future<data::MaskedImage> next = std::async(std::launch::async, load, 0);
  std::future<void> scoring;
  for (int64_t i = 0; i < pairs.size(); ++i) {
    auto pair = std::make_shared<data::MaskedImage>(next.get());
    if (i + 1 < pairs.size()) next = std::async(std::launch::async, load, i + 1);
    PredictedMask predicted = predict(*pair);
    if (scoring.valid()) scoring.get();
    scoring = std::async(std::launch::async, [&, i, pair, predicted = std::move(predicted)] {
      images[static_cast<size_t>(i)] = score(*pair, predicted, options);
    });
    bar.update(i + 1);
  }
  if (scoring.valid()) scoring.get();
  return summarised(name, std::move(images));
}

void PredictionFolders::validate() const {
  if (predictions.empty() || masks.empty()) {
    throw UsageError({.what = "needs the folders of predictions and masks",
                      .field = predictions.empty() ? "--predictions" : "--masks",
                      .mend = "name both"});
  }
}

PredictionSet::PredictionSet(PredictionFolders folders) : folders_(std::move(folders)) {
  folders_.validate();
  data::Faults faults(folders_.predictions.string(), "complete or correct the folder, or pass --skip-faulty",
                      folders_.skip_faulty, kShownFaults);
  const auto pairs = data::pair_masks({.images = folders_.predictions,
                                       .masks = folders_.masks,
                                       .image_suffix = folders_.prediction_suffix,
                                       .mask_suffix = folders_.mask_suffix,
                                       .noun = "prediction"},
                                      data::Pairing::stem, faults);
  faults.report();
  if (pairs.empty())
    throw Error({.what = "no prediction is named as a mask",
                 .file = folders_.predictions.string(),
                 .mend = "name predictions as the masks are"});
  for (const data::MaskPair& pair : pairs)
    entries_.push_back({.name = pair.name, .prediction = pair.image, .mask = pair.mask, .image = {}});
  if (folders_.images.empty()) return;
  // Pictures are for the eye alone: those that are missing are not shown.
  data::Faults ignored("", "");
  const auto pictures = data::pair_masks({.images = folders_.images,
                                          .masks = folders_.masks,
                                          .spare_masks = true,
                                          .image_suffix = folders_.image_suffix,
                                          .mask_suffix = folders_.mask_suffix},
                                         data::Pairing::stem, ignored);
  for (Entry& entry : entries_) {
    const auto found =
        std::lower_bound(pictures.begin(), pictures.end(), entry.name,
                         [](const data::MaskPair& pair, const std::string& name) { return pair.name < name; });
    if (found != pictures.end() && found->name == entry.name) entry.image = found->image;
  }
}

std::string PredictionSet::name() const {
  const fs::path clean = folders_.predictions.lexically_normal();
  return (clean.has_filename() ? clean : clean.parent_path()).filename().string();
}

PredictionSet::Pair PredictionSet::load(int64_t index) const {
  const Entry& entry = entries_.at(static_cast<size_t>(index));
  const data::MaskOptions as{.empty_masks = true, .grey_masks = folders_.grey_masks};
  data::DecodedMask mask = data::decode_mask(read_file(entry.mask, kPictureLimit), entry.mask.string(), as);
  if (!mask.fault.empty())
    throw Error({.what = mask.fault, .file = entry.mask.string(), .mend = "give binary masks, or pass --grey-masks"});
  Pair pair{.prediction =
                io::to_grey(io::decode_image(read_file(entry.prediction, kPictureLimit), entry.prediction.string())),
            .mask = std::move(mask.image)};
  if (ones_) {
    for (uint8_t& value : pair.prediction.pixels) value = value ? 255 : 0;
  }
  const auto size = [](const io::Image& image) {
    return std::to_string(image.width) + " x " + std::to_string(image.height);
  };
  if (pair.prediction.width != pair.mask.width || pair.prediction.height != pair.mask.height) {
    if (!folders_.resize) {
      throw Error({.what = "is " + size(pair.prediction) + ", but its mask " + entry.mask.filename().string() + " is " +
                           size(pair.mask),
                   .file = entry.prediction.string(),
                   .mend = "predict at the masks' size, or pass --resize"});
    }
    pair.prediction = io::resize(pair.prediction, pair.mask.width, pair.mask.height, io::Filter::bilinear);
  }
  return pair;
}

ScoredSet PredictionSet::evaluate(const EvalOptions& options) {
  const auto count = static_cast<int64_t>(entries_.size());
  std::vector<ScoredImage> images(entries_.size());
  std::vector<ErrorInfo> faults(entries_.size());
  std::atomic<bool> above_one = false, one = false;
  const auto pass = [&] {
    Progress bar("scoring " + name(), count, "pictures");
    std::mutex mutex;
    int64_t done = 0;
    for_each_in_parallel(count, options.threads, [&](int64_t i) {
      const auto place = static_cast<size_t>(i);
      try {
        const Pair pair = load(i);
        const uint8_t brightest = *std::max_element(pair.prediction.pixels.begin(), pair.prediction.pixels.end());
        if (brightest > 1) above_one = true;
        if (brightest == 1) one = true;
        const at::Tensor prediction = plane(pair.prediction), mask = plane(pair.mask);
        images[place] = {.name = entries_[place].name,
                         .height = pair.mask.height,
                         .width = pair.mask.width,
                         .scores = metrics::score_segmentation(prediction, mask, options.scores)};
        if (options.compat) images[place].compat = metrics::score_segmentation(prediction, mask, official_options());
      } catch (const Error& error) {
        faults[place] = error.info();
      }
      const std::lock_guard lock(mutex);
      bar.update(++done);
    });
  };
  pass();

  data::Faults listed(folders_.predictions.string(),
                      "mend these files (--grey-masks cuts grey masks at 128, --resize brings predictions to their "
                      "masks' size, --skip-faulty leaves pairs out)",
                      folders_.skip_faulty, kShownFaults);
  for (const ErrorInfo& fault : faults) {
    if (!fault.what.empty()) listed.add(fs::path(fault.file).filename().string(), fault.what);
  }
  listed.report();
  if (one && !above_one) {
    log::info(name() + ": no prediction holds a value above 1, so 1 is taken for foreground");
    ones_ = true;
    pass();
  }
  std::vector<Entry> kept;
  std::vector<ScoredImage> scored;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!faults[i].what.empty()) continue;
    kept.push_back(entries_[i]);
    scored.push_back(std::move(images[i]));
  }
  if (kept.empty())
    throw Error({.what = "no prediction can be scored",
                 .file = folders_.predictions.string(),
                 .mend = "see the warning above for the reasons"});
  entries_ = std::move(kept);
  return summarised(name(), std::move(scored));
}

}  // namespace cambium::systems::sam_adapter
