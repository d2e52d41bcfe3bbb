#include "models/sam/predictor.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>

#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "io/image_tensor.h"

namespace cambium::sam {
namespace {

io::Image as_rgb(const io::Image& image, ChannelOrder order) {
  io::Image rgb = io::to_rgb(image);
  if (order == ChannelOrder::bgr) {
    for (size_t i = 0; i < rgb.pixels.size(); i += 3) std::swap(rgb.pixels[i], rgb.pixels[i + 2]);
  }
  return rgb;
}

// With its dimension of prompts.
at::Tensor batched(const at::Tensor& tensor, int64_t dimensions) {
  return tensor.defined() && tensor.dim() == dimensions - 1 ? tensor.unsqueeze(0) : tensor;
}

}  // namespace

at::Tensor preprocess(const io::Image& rgb, const Frame& frame) {
  return pad_to(normalize(io::to_tensor(rgb)), frame.side, frame.side);
}

std::vector<MaskSummary> Prediction::summaries(float threshold, float stability_offset) const {
  const at::Tensor masks = low_res.detach().to(at::kCPU, at::kFloat).contiguous();
  const int64_t pixels = masks.size(2) * masks.size(3);
  const MaskScaler scaler(frame, masks.size(2), masks.size(3));
  std::vector<MaskSummary> summaries(static_cast<size_t>(masks.size(0) * masks.size(1)));
  parallel_for(0, static_cast<int64_t>(summaries.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      summaries[i] = scaler.summarize(masks.const_data_ptr<float>() + i * pixels, threshold, stability_offset);
    }
  });
  return summaries;
}

Predictor::Predictor(std::shared_ptr<Sam> model, int64_t side)
    : model_(std::move(model)), side_(side ? side : model_->options().encoder.image_size) {
  const int64_t patch = model_->options().encoder.patch;
  if (side_ < patch || side_ % patch != 0) {
    throw UsageError({.what = "an input of " + std::to_string(side_) + " pixels a side is not cut into patches of " +
                              std::to_string(patch),
                      .mend = "give a multiple of " + std::to_string(patch)});
  }
}

void Predictor::set_image(const io::Image& image, ChannelOrder order) { set_images({image}, order); }

void Predictor::set_images(const std::vector<io::Image>& images, ChannelOrder order) {
  const at::NoGradGuard no_grad;
  std::vector<Frame> frames;
  std::vector<at::Tensor> inputs;
  for (const auto& image : images) {
    frames.push_back(Frame::of(image.height, image.width, side_));
    inputs.push_back(preprocess(scale(as_rgb(image, order), frames.back()), frames.back()));
  }
  if (frames.empty()) throw Error({.what = "no pictures to encode"});
  features_ = model_->encode(at::stack(inputs));
  frames_ = std::move(frames);
}

const Frame& Predictor::frame(int64_t picture) const {
  if (picture < 0 || picture >= pictures()) {
    throw Error(
        {.what = "picture " + std::to_string(picture) + " was not encoded, there are " + std::to_string(pictures()),
         .mend = "call set_image first"});
  }
  return frames_[picture];
}

Prediction Predictor::predict(const Prompts& prompts, const DecodeOptions& options, int64_t picture) const {
  const Frame& frame = this->frame(picture);
  Prompts input = prompts;
  input.points = batched(prompts.points, 3);
  input.labels = batched(prompts.labels, 2);
  input.boxes = batched(prompts.boxes, 2);
  input.masks = batched(prompts.masks, 4);
  if (input.points.defined()) input.points = to_input(input.points, frame).to(at::kFloat);
  if (input.boxes.defined()) input.boxes = boxes_to_input(input.boxes, frame).to(at::kFloat);
  return predict_input(input, options, picture);
}

Prediction Predictor::predict_input(const Prompts& prompts, const DecodeOptions& options, int64_t picture) const {
  const at::NoGradGuard no_grad;
  const Frame& frame = this->frame(picture);
  const auto of_picture = [&](const at::Tensor& t) { return t.defined() ? t.slice(0, picture, picture + 1) : t; };
  const auto output = model_->decode({of_picture(features_.embedding), of_picture(features_.early)}, prompts, options);
  return {output.low_res, output.iou, frame};
}

PointModel::Answer SamPointModel::predict(const at::Tensor& points) {
  // The points stay in float64 until they are encoded, as in the original.
  const at::Tensor input = to_input(points, predictor_.frame()).unsqueeze(1);  // [B, 1, 2]
  const auto prediction =
      predictor_.predict_input({.points = input, .labels = at::ones({input.size(0), 1}, at::kLong)});
  return {prediction.low_res.to(at::kCPU), prediction.iou.to(at::kCPU), prediction.frame};
}

}  // namespace cambium::sam
