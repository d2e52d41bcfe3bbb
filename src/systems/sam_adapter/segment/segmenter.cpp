#include "systems/sam_adapter/segment/segmenter.h"

#include <utility>

#include "core/error.h"
#include "io/weights_file.h"
#include "models/sam/predictor.h"
#include "models/sam/weights.h"
#include "models/sam_adapter/weights.h"
#include "systems/sam_adapter/adapted.h"
#include "systems/sam_adapter/segment/adapted_segmenter.h"

namespace cambium::systems::sam_adapter {
namespace {

// A SAM and prompts.
class PromptedSegmenter : public Segmenter {
 public:
  PromptedSegmenter(std::shared_ptr<cambium::sam::Sam> model, int64_t size)
      : predictor_(model, size), everything_(model, size) {}
  bool adapted() const override { return false; }
  Segmentation segment(const io::Image& rgb, const SegmentRequest& request, const std::string& file,
                       const std::function<void(int64_t, int64_t)>& progress) override {
    check_inside(request, rgb.height, rgb.width, file);
    return request.everything ? all_of(rgb, request, progress) : asked_of(rgb, request);
  }

 private:
  Segmentation all_of(const io::Image& rgb, const SegmentRequest& request,
                      const std::function<void(int64_t, int64_t)>& progress) {
    Segmentation out{.height = rgb.height, .width = rgb.width};
    for (auto& record : cambium::sam::automatic_masks(everything_, rgb, request.automatic, progress)) {
      out.segments.push_back({.mask = std::move(record.segmentation),
                              .area = record.area,
                              .predicted_iou = record.predicted_iou,
                              .stability_score = record.stability_score,
                              .points = {record.point},
                              .crop_box = record.crop_box});
    }
    return out;
  }

  Segmentation asked_of(const io::Image& rgb, const SegmentRequest& request) {
    predictor_.set_image(rgb);
    // One point may mean a whole, a part or a part of a part: SAM answers with three masks. More prompts mean one.
    const bool ambiguous = request.boxes.empty() && request.points.size() == 1;
    const auto prediction = predictor_.predict(to_prompts(request), {.multimask = request.multimask || ambiguous});
    auto masks = prediction.summaries();
    const at::Tensor iou = prediction.iou.to(at::kCPU);
    Segmentation out{.height = rgb.height, .width = rgb.width};
    for (int64_t prompt = 0; prompt < iou.size(0); ++prompt) {
      const int64_t best = iou[prompt].argmax().item<int64_t>();
      for (int64_t k = 0; k < iou.size(1); ++k) {
        if (!request.multimask && k != best) continue;
        auto& mask = masks[prompt * iou.size(1) + k];
        Segment segment{.mask = std::move(mask.rle),
                        .predicted_iou = iou[prompt][k].item<double>(),
                        .stability_score = mask.stability()};
        segment.area = io::rle_area(segment.mask);
        for (const auto& point : request.points) segment.points.push_back({point.x, point.y});
        out.segments.push_back(std::move(segment));
      }
    }
    return out;
  }

  cambium::sam::Predictor predictor_;
  cambium::sam::SamPointModel everything_;
};

}  // namespace

std::unique_ptr<Segmenter> Segmenter::open(const SegmentModel& model, const Compute& compute) {
  const auto adapted = [&](std::shared_ptr<Adapted> task) {
    if (model.size) {
      throw UsageError({.what = "an adapted model takes the size that it was trained for, " +
                                std::to_string(task->image_size()) + " pixels",
                        .field = "--size",
                        .mend = "leave it out"});
    }
    return std::make_unique<AdaptedSegmenter>(std::move(task));
  };
  if (!model.delta.empty()) {
    return adapted(Adapted::open(Foundation::open(model.weights, compute), model.delta, model.allow_foundation));
  }
  io::StateDict state = io::load_weights(model.weights);
  // The original's checkpoints hold backbone and adapter together.
  if (cambium::sam_adapter::is_sam_adapter(state)) return adapted(Adapted::open_whole(state, compute));
  const cambium::sam::Weights weights = cambium::sam::interpret_weights(std::move(state));
  return std::make_unique<PromptedSegmenter>(cambium::sam::build(weights, compute), model.size);
}

}  // namespace cambium::systems::sam_adapter
