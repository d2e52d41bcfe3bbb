#include "systems/video_ldm/image/run.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "systems/video_ldm/image/generate.h"
#include "systems/video_ldm/image/settings.h"

namespace cambium::systems::video_ldm {

namespace {

namespace fs = std::filesystem;

void check_output(const fs::path& out) {
  if (out.extension() != ".png")
    throw UsageError({.what = "pictures are written as PNG, which keeps their settings",
                      .file = out.string(),
                      .mend = "end the name in .png"});
  std::error_code code;
  if (fs::is_directory(out, code)) throw UsageError({.what = "is a folder", .file = out.string()});
}

fs::path name_of(const fs::path& out, size_t index, size_t count) {
  if (count == 1) return out;
  return out.parent_path() / fmt::format("{}-{:03}.png", out.stem().string(), index);
}

}  // namespace

ImageOutcome make_images(const ImageJob& job, const Compute& compute) {
  job.request.validate();
  check_output(job.out);
  const auto began = std::chrono::steady_clock::now();
  const ImageModel model = open_image_model(job.weights, compute);
  ImageOutcome outcome;
  outcome.opening_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

  const GeneratedImages made = generate_images(model, job.request);
  for (size_t i = 0; i < made.images.size(); ++i) {
    const fs::path file = name_of(job.out, i, made.images.size());
    nlohmann::json settings = to_json(made.request);
    settings["seed"] = made.seeds[i];
    settings["weights"] = job.weights.string();
    write_picture(file, made.images[i], settings);
    outcome.files.push_back(file.string());
  }
  outcome.seeds = made.seeds;
  outcome.request = made.request;
  outcome.text_seconds = made.text_seconds;
  outcome.sampling_seconds = made.sampling_seconds;
  outcome.decoding_seconds = made.decoding_seconds;
  return outcome;
}

nlohmann::json to_json(const ImageOutcome& outcome) {
  nlohmann::json files = nlohmann::json::array();
  for (size_t i = 0; i < outcome.files.size(); ++i)
    files.push_back({{"file", outcome.files[i]}, {"seed", outcome.seeds[i]}});
  return {{"images", files},
          {"settings", to_json(outcome.request)},
          {"seconds",
           {{"opening", outcome.opening_seconds},
            {"text", outcome.text_seconds},
            {"sampling", outcome.sampling_seconds},
            {"decoding", outcome.decoding_seconds}}}};
}

}  // namespace cambium::systems::video_ldm
