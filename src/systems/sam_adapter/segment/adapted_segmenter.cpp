#include "systems/sam_adapter/segment/adapted_segmenter.h"

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>

#include "io/image_tensor.h"

namespace cambium::systems::sam_adapter {

Segmentation from_logits(const at::Tensor& logits) {
  const int64_t classes = logits.size(0);
  Segmentation out{.height = logits.size(1), .width = logits.size(2)};
  const auto add = [&](const at::Tensor& mask, int64_t category) {
    out.segments.push_back({.mask = io::encode_rle(mask), .category = category});
    out.segments.back().area = io::rle_area(out.segments.back().mask);
  };
  if (classes == 1) {
    add(logits[0] > 0, 1);
    out.probability = io::from_tensor(at::sigmoid(logits));
    return out;
  }
  const at::Tensor labels = logits.argmax(0);  // [H, W]; 0 is the background
  for (int64_t label = 1; label < classes; ++label) {
    const at::Tensor mask = labels == label;
    if (mask.any().item<bool>()) add(mask, label);
  }
  const at::Tensor certain = at::softmax(logits.to(at::kFloat), 0);
  out.probability = io::from_tensor(certain.slice(0, 1).amax(0, /*keepdim=*/true));
  return out;
}

std::vector<std::string> AdaptedSegmenter::categories() const {
  if (task_->classes() == 1) return {"object"};
  std::vector<std::string> names;
  for (int64_t label = 1; label < task_->classes(); ++label) names.push_back("class " + std::to_string(label));
  return names;
}

Segmentation AdaptedSegmenter::segment(const io::Image& rgb, const SegmentRequest& /*request*/,
                                       const std::string& /*file*/,
                                       const std::function<void(int64_t, int64_t)>& /*progress*/) {
  return from_logits(task_->segment(rgb));
}

}  // namespace cambium::systems::sam_adapter
