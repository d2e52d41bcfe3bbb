#pragma once
// Pictures by an image model: from text, from a picture, or four times as large.
#include <ATen/core/Tensor.h>

#include <vector>

#include "io/image.h"
#include "systems/video_ldm/image/request.h"
#include "systems/video_ldm/image_model.h"

namespace cambium::systems::video_ldm {

// What a U-Net's channels say it is for.
enum class ImageUse { text_to_image, upscaler };
// Error naming the channels where it is neither.
ImageUse use_of(const ImageModel& model);

struct GeneratedImages {
  std::vector<io::Image> images = {};  // RGB
  std::vector<uint64_t> seeds = {};
  ImageRequest request = {};  // with what it left open filled in: sizes, the sampler's name
  double text_seconds = 0, sampling_seconds = 0, decoding_seconds = 0;
};

// The request is checked against the model before anything is computed. UsageError, one sentence: sides that the
// model's latents do not divide, an upscaler without a picture, too many steps. Error: the picture cannot be read.
// Interrupted between two steps.
GeneratedImages generate_images(const ImageModel& model, const ImageRequest& request);

}  // namespace cambium::systems::video_ldm
