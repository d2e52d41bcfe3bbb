#pragma once
// Masks by what was trained: a SAM with a delta, or a whole SAM-Adapter, without prompts.
#include <ATen/core/Tensor.h>

#include <memory>

#include "systems/sam_adapter/adapted.h"
#include "systems/sam_adapter/segment/segmenter.h"

namespace cambium::systems::sam_adapter {

// logits [classes, H, W] at the picture's size. One class: the mask of logits above 0. More: a mask for each class that
// is the largest anywhere, but class 0, the background.
Segmentation from_logits(const at::Tensor& logits);

class AdaptedSegmenter : public Segmenter {
 public:
  explicit AdaptedSegmenter(std::shared_ptr<Adapted> task) : task_(std::move(task)) {}
  bool adapted() const override { return true; }
  std::vector<std::string> categories() const override;
  Segmentation segment(const io::Image& rgb, const SegmentRequest& request, const std::string& file,
                       const std::function<void(int64_t, int64_t)>& progress) override;

 private:
  std::shared_ptr<Adapted> task_;
};

}  // namespace cambium::systems::sam_adapter
