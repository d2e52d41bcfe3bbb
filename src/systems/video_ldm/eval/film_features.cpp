#include "systems/video_ldm/eval/film_features.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.h"
#include "core/paths.h"
#include "metrics/video/preparation.h"
#include "models/efficientnet/efficientnet_lite0.h"

namespace cambium::systems::video_ldm {
namespace {

namespace fs = std::filesystem;

class EfficientNetFeatures : public FilmFeatures {
 public:
  EfficientNetFeatures(const fs::path& file, c10::Device device)
      : network_(efficientnet::EfficientNetLite0::open(file, device)), device_(device) {}

  std::string variant() const override {
    return std::string("EfficientNet-Lite0 (ImageNet-1k), ") +
           metrics::preparation_name(metrics::Preparation::efficientnet_lite0);
  }

  at::Tensor of_frames(const at::Tensor& frames) const override {
    constexpr int64_t kBatch = 16;
    std::vector<at::Tensor> rows;
    for (int64_t t = 0; t < frames.size(0); t += kBatch) {
      const at::Tensor part = frames.narrow(0, t, std::min(kBatch, frames.size(0) - t)).to(device_);
      const at::Tensor prepared = metrics::prepare_frames(part, metrics::Preparation::efficientnet_lite0);
      rows.push_back(network_->features(prepared).cpu());
    }
    return at::cat(rows);  // [T, 1280]
  }

  at::Tensor of_film(const at::Tensor& frame_features) const override {
    const at::Tensor mean = frame_features.mean(0);
    const int64_t pairs = frame_features.size(0) - 1;
    const at::Tensor change =
        pairs > 0 ? (frame_features.narrow(0, 1, pairs) - frame_features.narrow(0, 0, pairs)).abs().mean(0)
                  : at::zeros_like(mean);
    return at::cat({mean, change});  // [2560]
  }

 private:
  std::shared_ptr<efficientnet::EfficientNetLite0> network_;
  c10::Device device_;
};

fs::path packaged_weights() {
  const fs::path file = cache_dir() / "data" / "efficientnet-1" / "efficientnet-lite0.pth";
  if (fs::exists(file)) return file;
  throw Error({.what = "the network that films are compared by is not there",
               .file = file.string(),
               .mend = "run scripts/data video_ldm, or give --network FILE"});
}

}  // namespace

std::unique_ptr<FilmFeatures> open_efficientnet_features(const fs::path& file, c10::Device device) {
  return std::make_unique<EfficientNetFeatures>(file.empty() ? packaged_weights() : file, device);
}

}  // namespace cambium::systems::video_ldm
