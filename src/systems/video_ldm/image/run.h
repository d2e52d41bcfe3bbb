#pragma once
// Pictures from a request onto disk.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/device.h"
#include "systems/video_ldm/image/request.h"

namespace cambium::systems::video_ldm {

struct ImageJob {
  std::filesystem::path weights = {};
  ImageRequest request = {};
  std::filesystem::path out = {};  // a .png; of several pictures NAME-000.png, ...
};

struct ImageOutcome {
  std::vector<std::string> files = {};
  std::vector<uint64_t> seeds = {};
  ImageRequest request = {};  // as it was carried out
  double opening_seconds = 0, text_seconds = 0, sampling_seconds = 0, decoding_seconds = 0;
};

// The request, the output's ending and its folder are checked before the model is opened. Errors as
// open_image_model and generate_images.
ImageOutcome make_images(const ImageJob& job, const Compute& compute);

// For --json: files with their seeds, the settings, and seconds.
nlohmann::json to_json(const ImageOutcome& outcome);

}  // namespace cambium::systems::video_ldm
