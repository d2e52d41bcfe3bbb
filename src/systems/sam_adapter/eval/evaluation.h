#pragma once
// Scores of predicted masks over a set: of a model, or of any method's pictures in a folder (paper, section 4; what the
// camouflage, shadow and polyp literatures report).
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/masks/mask_pairs.h"
#include "io/image.h"
#include "metrics/segmentation/summary.h"

namespace cambium::systems::sam_adapter {

struct EvalOptions {
  metrics::SegmentationOptions scores = {};
  bool compat = false;  // score as the original does, too
  int64_t threads = 2;  // that decode and score
};

struct ScoredImage {
  std::string name;
  int64_t height = 0, width = 0;  // of the mask
  metrics::SegmentationScores scores = {};
  std::optional<metrics::SegmentationScores> compat = {};
};

struct ScoredSet {
  std::string name;
  std::vector<ScoredImage> images;  // in the set's order
  metrics::SegmentationSummary summary = {};
  std::optional<metrics::SegmentationSummary> compat = {};  // a NaN spoils its means, as in the original
};

// A model's answer for one picture, f32 probabilities of foreground.
struct PredictedMask {
  at::Tensor probability = {};  // [H, W] at the mask's own size
  // [S, S] at the network's input size, where the original scores; undefined: compat scores the other.
  at::Tensor at_input = {};
};
// Called in the set's order, on the caller's thread.
using MaskPredictor = std::function<PredictedMask(const data::MaskedImage&)>;

// The whole set, each picture at its own size; scoring runs beside the model. Error for what cannot be decoded.
ScoredSet evaluate_model(const std::string& name, const data::MaskPairs& pairs, const MaskPredictor& predict,
                         const EvalOptions& options = {});

// Another method's predictions: grey pictures named as the masks are.
struct PredictionFolders {
  std::filesystem::path predictions, masks;
  std::filesystem::path images = {};  // for the report only; empty: none
  std::string prediction_suffix = "", mask_suffix = "", image_suffix = "";
  bool grey_masks = false;   // cut masks at 128 however grey they are
  bool resize = false;       // bring predictions of another size to the mask's (bilinear)
  bool skip_faulty = false;  // leave faulty pairs out with one warning

  // UsageError without both folders.
  void validate() const;
};

class PredictionSet {
 public:
  struct Entry {
    std::string name;
    std::filesystem::path prediction, mask, image;  // image may be empty
  };
  // A prediction and its mask, of one size.
  struct Pair {
    io::Image prediction, mask;  // one channel; the mask 0 or 255
  };
  // Pairs by stem. Error that lists what is unpaired.
  explicit PredictionSet(PredictionFolders folders);

  std::string name() const;
  const std::vector<Entry>& entries() const { return entries_; }
  // Error, whose sentence names the file: unreadable, sizes that differ, a mask that is not binary.
  Pair load(int64_t index) const;
  // Scores all on several threads. Error that lists every faulty pair at once. Where no prediction of the whole set is
  // above 1, predictions are taken for 0 and 1, with a notice.
  ScoredSet evaluate(const EvalOptions& options);

 private:
  PredictionFolders folders_;
  std::vector<Entry> entries_;
  bool ones_ = false;  // predictions hold 0 and 1
};

}  // namespace cambium::systems::sam_adapter
