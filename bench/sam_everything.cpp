// Automatic masks of a picture of 1024 x 768 with ViT-B: 16 x 16 points, thresholds 0, so that every mask is brought to
// full size, measured, encoded and suppressed. usage: bench_sam_everything WEIGHTS f32|bf16
#include <ATen/core/grad_mode.h>

#include "measure.h"
#include "models/sam/predictor.h"
#include "models/sam/weights.h"

namespace {

// The same as in bench/peers/sam_everything.py.
cambium::io::Image picture() {
  cambium::io::Image image(1024, 768, 3);
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        image.row(y)[3 * x + c] =
            static_cast<uint8_t>((x * (c + 1) / 4 + y * (3 - c) / 3 + (x / 64) * (y / 48) * 7) % 256);
      }
    }
  }
  return image;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cambium;
  const std::string dtype = argc > 2 ? argv[2] : "bf16";
  const at::NoGradGuard guard;
  const auto type = dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  sam::SamPointModel model(sam::open(argv[1], {.param_dtype = type, .compute_dtype = type}));
  const sam::AutomaticMaskOptions options{.points_per_side = 16, .pred_iou_thresh = 0, .stability_score_thresh = 0};
  const io::Image image = picture();
  size_t masks = 0;
  const double seconds = bench::best_of(2, [&] { masks = sam::automatic_masks(model, image, options).size(); });
  std::printf(
      "%s\n",
      nlohmann::json(
          {{"dtype", dtype}, {"seconds", seconds}, {"peak_memory_bytes", peak_memory_bytes()}, {"masks", masks}})
          .dump()
          .c_str());
}
