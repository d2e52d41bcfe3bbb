#pragma once
// Pictures in, masks out: SAM with what its images and coordinates go through before and its masks after.
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "io/image.h"
#include "models/sam/automatic_masks.h"
#include "models/sam/frame.h"
#include "models/sam/mask_scaler.h"
#include "models/sam/sam.h"

namespace cambium::sam {

// What the encoder takes: normalised, then padded with zeros. rgb is of the scaled size -> float32 [3, side, side]
at::Tensor preprocess(const io::Image& rgb, const Frame& frame);

enum class ChannelOrder { rgb, bgr };

// The masks of B prompts on one picture, n for each.
struct Prediction {
  at::Tensor low_res;  // [B, n, 4h, 4w] logits, float32: to be given back as Prompts::masks
  at::Tensor iou;      // [B, n] predicted
  Frame frame;

  // Logits at the size of the picture. float32 [B, n, height, width]
  at::Tensor logits() const { return postprocess(low_res, frame); }
  // bool [B, n, height, width]
  at::Tensor masks(float threshold = 0) const { return logits() > threshold; }
  // The same as run lengths, without ever holding the logits of more than a few rows: B * n of them.
  std::vector<MaskSummary> summaries(float threshold = 0, float stability_offset = 1) const;
};

class Predictor {
 public:
  // `side`: of the square input in pixels, a multiple of the patch size; 0: what the model was trained for.
  explicit Predictor(std::shared_ptr<Sam> model, int64_t side = 0);

  // Encodes the pictures, several in one pass; predictions are about these from now on. Grey is repeated, alpha
  // dropped.
  void set_image(const io::Image& image, ChannelOrder order = ChannelOrder::rgb);
  void set_images(const std::vector<io::Image>& images, ChannelOrder order = ChannelOrder::rgb);

  // Prompts in pixels of the picture, B of them: points [B, N, 2] with labels [B, N], boxes [B, 4], masks [B, 1, 4h,
  // 4w] (low_res of an earlier prediction); one dimension less is one prompt. Coordinates are rounded to float32, as
  // the original does.
  Prediction predict(const Prompts& prompts, const DecodeOptions& options = {.multimask = true},
                     int64_t picture = 0) const;
  // The same, the coordinates being pixels of the encoder's input already (to_input), in their own precision.
  Prediction predict_input(const Prompts& prompts, const DecodeOptions& options = {.multimask = true},
                           int64_t picture = 0) const;

  int64_t pictures() const { return static_cast<int64_t>(frames_.size()); }
  const Frame& frame(int64_t picture = 0) const;
  const at::Tensor& embedding() const { return features_.embedding; }  // [pictures, C, h, w]
  const Sam& model() const { return *model_; }
  int64_t side() const { return side_; }

 private:
  std::shared_ptr<Sam> model_;
  int64_t side_;
  ImageFeatures features_;
  std::vector<Frame> frames_;
};

// SAM as the automatic mask generator asks it: three masks a point.
class SamPointModel : public PointModel {
 public:
  explicit SamPointModel(std::shared_ptr<Sam> model, int64_t side = 0) : predictor_(std::move(model), side) {}
  void set_image(const io::Image& image) override { predictor_.set_image(image); }
  Answer predict(const at::Tensor& points) override;

 private:
  Predictor predictor_;
};

}  // namespace cambium::sam
