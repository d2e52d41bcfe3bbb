// vldm_long_generation: a first frame from the image model, windows predicted from the last frames so far, and frames
// between the first two, under guidance by text and by given frames.
#include <ATen/ATen.h>

#include "models/latent_diffusion/sampler.h"
#include "models/latent_diffusion/scheduler.h"
#include "models/video_ldm/context.h"
#include "models/video_ldm/guided_denoiser.h"
#include "models/video_ldm/long_generation.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/vldm_model.h"

namespace cambium::parity {
namespace {

class Sampler {
 public:
  explicit Sampler(const Golden& golden)
      : golden_(golden), config_(golden.config), model_(build_video_model(config_, {.context = true})) {
    // Diffusers' DDIM clips unless told not to; Stable Diffusion's configurations do, and so does the file.
    nlohmann::json schedule(config_.at("schedule"));
    schedule.emplace("clip_sample", false);
    auto options = latent_diffusion::scheduler_options(schedule);
    options.prediction = latent_diffusion::parse_prediction(config_.at("prediction").get<std::string>());
    scheduler_ = latent_diffusion::make_scheduler(options);
    guidance_ = {.scale = config_.at("text_guidance").get<double>(),
                 .context = config_.at("context_guidance").get<double>()};
  }

  // `context` undefined: the image model, frame by frame.
  at::Tensor sample(const std::string& noise, int64_t frames, const at::Tensor& context = {}) const {
    const at::NoGradGuard no_grad;
    const video_ldm::VideoInputs inputs{.frames = frames, .text = golden_.tensors.at("pos"), .context = context};
    const video_ldm::GuidedVideoDenoiser denoiser(model_.unet, context.defined() ? model_.layers : nullptr, inputs,
                                                  {.text = golden_.tensors.at("neg")}, guidance_);
    scheduler_->set_timesteps(config_.at("steps").get<int64_t>());
    const auto side = [&](const char* name) { return config_.at(name).get<int64_t>(); };
    const auto channels = model_.unet->options().in_channels;
    const at::Tensor x = inp(config_.at("tag").get<std::string>() + "." + noise,
                             {inputs.text.size(0), frames, channels, side("h"), side("w")});
    return latent_diffusion::sample(
        *scheduler_, [&](const at::Tensor& input, double t) { return denoiser(input, t); },
        x * scheduler_->init_noise_sigma());
  }

 private:
  const Golden& golden_;
  const Json& config_;
  VideoModel model_;
  std::unique_ptr<latent_diffusion::Scheduler> scheduler_;
  latent_diffusion::Guidance guidance_;
};

}  // namespace

Results check_vldm_long_generation(const Golden& golden) {
  const Sampler sampler(golden);
  Results results;
  const video_ldm::LongVideoOptions options{.frames = golden.config.at("total").get<int64_t>(),
                                            .window = golden.config.at("T").get<int64_t>()};
  const auto make = [&](const video_ldm::Window& window, const at::Tensor& known) {
    const std::string index = std::to_string(window.index);
    const at::Tensor context = video_ldm::leading_context(known, options.window);
    return results.tensors["window." + index] = sampler.sample("n" + index, options.window, context);
  };
  const at::Tensor first = sampler.sample("n0", 1);
  results.tensors["frame0"] = first;
  const at::Tensor frames = video_ldm::generate_long(first, options, make);
  results.tensors["frames"] = frames;
  // The first two frames of the video serve as keys; three new ones between them.
  results.tensors["interp"] = video_ldm::interpolate(frames.narrow(1, 0, 2), 3, [&](int64_t, const at::Tensor& ends) {
    return sampler.sample("ni", ends.size(1), video_ldm::context_frames(ends, video_ldm::ends_mask(ends.size(1))));
  });
  return results;
}

}  // namespace cambium::parity
