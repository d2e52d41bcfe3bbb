#pragma once
// What a user asks an image model for, and the same as text inside the picture.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "models/latent_diffusion/scheduler_options.h"

namespace cambium::systems::video_ldm {

struct ImageRequest {
  std::string prompt, negative;
  // In pixels. 0: the given picture's, else the model's.
  int64_t width = 0, height = 0;
  int64_t batch = 1;
  uint64_t seed = 0;  // of the first picture; the k-th behind it has seed + k
  int64_t steps = 50;
  double guidance = 7.5, guidance_rescale = 0;
  std::string scheduler;     // "": the model's own; else a word of latent_diffusion::set_kind
  bool karras = false;       // noise levels by Karras et al.
  double eta = 0;            // ddim
  int64_t clip_skip = 1;     // which block of the text encoder is read, from the last; 1: as the model was trained
  std::string image;         // file to begin from, or to upscale; "": from noise
  double strength = 0.8;     // how much of the walk is done from an image
  int64_t noise_level = 20;  // upscaler: timesteps of noise on the small picture

  // UsageError, one sentence, for what is wrong whatever the model is: sizes, counts, strengths, words.
  void validate() const;
};

// "768x512": width and height, 1 or more. UsageError.
void parse_size(const std::string& text, ImageRequest& request);

// The settings that make the picture again: all but batch.
nlohmann::json to_json(const ImageRequest& request);
// Settings found in `source`; what they do not hold is left as it is in `request`. Error naming source and field:
// wrong type.
void apply_json(const nlohmann::json& settings, const std::string& source, ImageRequest& request);

// The model's sampler with what the request says otherwise. UsageError for an unknown word.
latent_diffusion::SchedulerOptions sampler_options(const ImageRequest& request,
                                                   latent_diffusion::SchedulerOptions model);

}  // namespace cambium::systems::video_ldm
