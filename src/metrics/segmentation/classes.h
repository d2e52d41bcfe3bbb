#pragma once
// Measures of label maps with several classes, counted over a whole set, as semantic segmentation reports them.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::metrics {

struct ClassScores {
  std::vector<double> iou, dice;       // by class; NaN where neither masks nor predictions have it
  double mean_iou = 0, mean_dice = 0;  // over the classes that occur
  double pixel_accuracy = 0;
  int64_t pixels = 0;  // judged
};

class ClassConfusion {
 public:
  // UsageError unless 2 <= classes <= 255.
  explicit ClassConfusion(int64_t classes);

  // Two integer tensors of one shape; pixels whose true label is `ignored` are not judged. Error for other labels
  // beyond the classes, or shapes that differ.
  void add(const at::Tensor& prediction, const at::Tensor& mask, int64_t ignored = 255);
  ClassConfusion& operator+=(const ClassConfusion& other);
  // Pixels by true and predicted class, int64 [classes, classes], in this object's own memory: processes that each
  // judged a share of the set sum it in place.
  at::Tensor counts();
  // Error where nothing was judged.
  ClassScores scores() const;

 private:
  int64_t classes_;
  std::vector<int64_t> counts_;  // [true, predicted]
};

}  // namespace cambium::metrics
