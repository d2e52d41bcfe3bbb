#include "systems/video_ldm/image/generate.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "io/image_tensor.h"
#include "models/latent_diffusion/image_denoiser.h"
#include "models/latent_diffusion/sampler.h"
#include "systems/video_ldm/image/start_picture.h"

namespace cambium::systems::video_ldm {

namespace ldm = latent_diffusion;

namespace {

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(began_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// One run of one model for one request.
class Generation {
 public:
  Generation(const ImageModel& model, const ImageRequest& request)
      : model_(model), use_(use_of(model)), request_(request), device_(model.compute.device) {
    request_.validate();
    scheduler_ = ldm::make_scheduler(sampler_options(request_, model.scheduler));
    scheduler_->set_timesteps(request_.steps);
    request_.scheduler = ldm::kind_name(scheduler_->options());
    load_picture();
    check_size();
    seeds_.resize(static_cast<size_t>(request_.batch));
    std::iota(seeds_.begin(), seeds_.end(), request_.seed);
  }

  GeneratedImages run() {
    const at::NoGradGuard guard;
    Stopwatch watch;
    GeneratedImages made{.seeds = seeds_};
    ldm::ImageConditions conditions = upscales() ? upscaling() : ldm::ImageConditions{};
    read_text(conditions);
    made.text_seconds = watch.lap();
    const at::Tensor latents = walk(conditions);
    made.sampling_seconds = watch.lap();
    decode(latents, made);
    made.decoding_seconds = watch.lap();
    made.request = request_;
    return made;
  }

 private:
  bool upscales() const { return use_ == ImageUse::upscaler; }
  int64_t factor() const { return model_.autoencoder->options().factor(); }

  // The picture to begin from gives the size where none is asked for; an upscaler takes it as it is.
  void load_picture() {
    if (request_.image.empty()) {
      if (upscales())
        throw UsageError({.what = "the upscaler needs a picture to enlarge", .mend = "pass --image FILE"});
      if (request_.width == 0) request_.width = request_.height = default_side();
      return;
    }
    if (upscales()) {
      if (request_.width != 0)
        throw UsageError({.what = "the upscaler makes a picture four times as large as the one given",
                          .field = "size",
                          .mend = "leave the size out"});
      picture_ = load_start_picture(request_.image, 1);
    } else if (request_.width == 0) {
      picture_ = load_start_picture(request_.image, factor());
    } else {
      picture_ = load_start_picture(request_.image, request_.width, request_.height);
    }
    const int64_t scale = upscales() ? factor() : 1;
    request_.height = picture_.size(2) * scale;
    request_.width = picture_.size(3) * scale;
  }

  // What Stable Diffusion was trained on: 64 latents a side, or 96 where version 2 predicts velocities.
  int64_t default_side() const {
    const bool larger = model_.unet->options().cross_attention_dim == 1024 &&
                        scheduler_->options().prediction == ldm::Prediction::velocity;
    return (larger ? 96 : 64) * factor();
  }

  void check_size() const {
    for (const int64_t side : {request_.width, request_.height})
      if (side % factor() != 0)
        throw UsageError({.what = fmt::format("a picture of {}x{} pixels has a side that is not a multiple of {}",
                                              request_.width, request_.height, factor()),
                          .field = "size",
                          .mend = fmt::format("give {}x{}", rounded(request_.width), rounded(request_.height))});
  }
  int64_t rounded(int64_t side) const { return std::max<int64_t>((side + factor() / 2) / factor(), 1) * factor(); }

  ldm::ItemNoise noise(std::vector<int64_t> item_shape) const { return {seeds_, std::move(item_shape)}; }
  ldm::ItemNoise latent_noise() const {
    return noise(
        {model_.autoencoder->options().latent_channels, request_.height / factor(), request_.width / factor()});
  }
  at::Tensor here(const at::Tensor& t) const { return t.to(device_); }
  // [N, 3, h, w] in [-1, 1]
  at::Tensor picture_rows() const { return here(picture_).expand({request_.batch, -1, -1, -1}); }

  ldm::ImageConditions upscaling() const {
    const at::Tensor rows = picture_rows();
    const ldm::NoiseSchedule schedule(ldm::upscaler_noise());
    const at::Tensor drawn = noise({rows.size(1), rows.size(2), rows.size(3)}).draw("low resolution", 0);
    return ldm::upscaling_conditions(rows, here(drawn), request_.noise_level, schedule);
  }

  void read_text(ldm::ImageConditions& conditions) const {
    const std::array<std::string, 2> prompts = {request_.negative, request_.prompt};
    const at::Tensor both = here(model_.text->encode(prompts, {.clip_skip = request_.clip_skip}));  // [2, L, D]
    conditions.negative = both.slice(0, 0, 1);
    conditions.positive = both.slice(0, 1);
  }

  at::Tensor walk(const ldm::ImageConditions& conditions) const {
    const ldm::ItemNoise noise = latent_noise();
    ldm::SamplingOptions options{.noise = [&](int64_t step) { return noise.at_step(step); }, .label = "sampling"};
    at::Tensor x = here(noise.initial());
    if (picture_.defined() && !upscales()) {
      options.begin = ldm::first_step(request_.steps, request_.strength);
      const ldm::Posterior posterior = model_.autoencoder->encode(picture_rows());
      const at::Tensor clean = posterior.sample(here(noise.draw("posterior", 0)));
      x = scheduler_->add_noise(clean * model_.autoencoder->options().scaling_factor, x, options.begin);
    } else {
      x = x * scheduler_->init_noise_sigma();
    }
    const ldm::Denoiser denoiser = ldm::image_denoiser(
        model_.unet, conditions, {.scale = request_.guidance, .rescale = request_.guidance_rescale});
    return ldm::sample(*scheduler_, denoiser, x, options);
  }

  // One by one: the decoder's memory is the largest of all, and this bounds it.
  void decode(const at::Tensor& latents, GeneratedImages& made) const {
    const at::Tensor own = latents / model_.autoencoder->options().scaling_factor;
    for (const at::Tensor& one : own.split(1)) {
      const at::Tensor image = model_.autoencoder->decode(one).squeeze(0);  // [3, H, W]
      made.images.push_back(io::from_tensor((image.to(at::kCPU, at::kFloat) / 2 + 0.5).clamp(0, 1)));
    }
  }

  const ImageModel& model_;
  ImageUse use_;
  ImageRequest request_;
  c10::Device device_;
  std::unique_ptr<ldm::Scheduler> scheduler_;
  at::Tensor picture_;  // [1, 3, h, w] in [-1, 1], or undefined
  std::vector<uint64_t> seeds_;
};

}  // namespace

ImageUse use_of(const ImageModel& model) {
  const ldm::UNetOptions& options = model.unet->options();
  const int64_t latent = model.autoencoder->options().latent_channels;
  if (options.in_channels == latent) return ImageUse::text_to_image;
  if (options.in_channels == latent + model.autoencoder->options().image_channels && options.class_embeddings > 0)
    return ImageUse::upscaler;
  throw Error({.what = fmt::format("a U-Net of {} input channels over latents of {} is neither for text to image nor "
                                   "for upscaling",
                                   options.in_channels, latent),
               .file = model.path.string()});
}

GeneratedImages generate_images(const ImageModel& model, const ImageRequest& request) {
  return Generation(model, request).run();
}

}  // namespace cambium::systems::video_ldm
