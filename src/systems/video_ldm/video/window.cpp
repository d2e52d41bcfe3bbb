#include "systems/video_ldm/video/window.h"

#include <ATen/ops/full.h>

#include "core/error.h"
#include "models/video_ldm/context.h"
#include "models/video_ldm/guided_denoiser.h"

namespace cambium::systems::video_ldm {
namespace {

void check(const VideoModel& model, const WindowRequest& request) {
  if (request.known.defined() && !model.reads_frames()) {
    throw UsageError({.what = "the temporal layers read no given frames",
                      .field = "context",
                      .mend = "use layers trained for prediction or interpolation"});
  }
  const int64_t rates = model.layers ? model.layers->options().frame_rates : 0;
  if (request.frame_rate < 0 || request.frame_rate >= std::max<int64_t>(1, rates)) {
    throw UsageError({.what = "the temporal layers know no frame rate " + std::to_string(request.frame_rate),
                      .field = "frame_rate",
                      .mend = "use layers trained for interpolation"});
  }
}

}  // namespace

at::Tensor make_window(const VideoModel& model, const WindowRequest& request, const WindowHooks& hooks,
                       WindowProgress progress) {
  check(model, request);
  const at::NoGradGuard guard;
  const c10::Device device = request.text.device();
  const latent_diffusion::ItemNoise noise(request.seeds, request.shape);
  const auto scheduler = latent_diffusion::make_scheduler(model.scheduler);
  scheduler->set_timesteps(request.steps);
  scheduler->restore(std::move(progress.memory));
  const at::Tensor start =
      progress.x.defined() ? progress.x.to(device) : noise.initial().to(device) * scheduler->init_noise_sigma();

  cambium::video_ldm::VideoInputs inputs{.frames = start.size(1), .text = request.text};
  if (model.reads_frames()) {
    inputs.context = request.known.defined() ? cambium::video_ldm::context_frames(request.known, request.mask)
                                             : cambium::video_ldm::no_context(start);
  }
  if (request.reach > 0) inputs.reach = request.reach;
  if (model.layers && model.layers->options().frame_rates > 0)
    inputs.frame_rates = at::full({start.size(0)}, request.frame_rate, start.options().dtype(at::kLong));
  latent_diffusion::Guidance guidance = request.guidance;
  if (!request.known.defined()) guidance.context = 1;  // without given frames the rows with and without them agree
  const cambium::video_ldm::GuidedVideoDenoiser denoiser(model.unet, model.layers, inputs, {.text = request.negative},
                                                         guidance);
  return latent_diffusion::sample(*scheduler, [&](const at::Tensor& x, double t) { return denoiser(x, t); }, start,
                                  {.begin = progress.begin,
                                   .noise = [&](int64_t step) { return noise.at_step(step); },
                                   .after_step =
                                       [&](const latent_diffusion::StepReport& report) {
                                         if (hooks.after_step) hooks.after_step(report, scheduler->memory());
                                       },
                                   .label = hooks.label});
}

}  // namespace cambium::systems::video_ldm
