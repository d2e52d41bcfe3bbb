#include "systems/video_ldm/video/film_latents.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/random.h"
#include "models/video_ldm/context.h"
#include "models/video_ldm/long_generation.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr int64_t kBetween = 3;  // new frames between each two: the paper's

// Frames with zeros behind them up to `frames`. [1, n, c, h, w] -> [1, frames, c, h, w]
at::Tensor padded(const at::Tensor& known, int64_t frames) {
  std::vector<int64_t> shape = known.sizes().vec();
  shape[1] = frames - known.size(1);
  return at::cat({known, known.new_zeros(shape)}, 1);
}

}  // namespace

void FilmPlan::validate(const VideoModel& model) const {
  const bool reads = model.reads_frames();
  if ((known.defined() || keys > window) && !reads) {
    throw UsageError({.what = known.defined()
                                  ? "the temporal layers do not go on from given frames"
                                  : fmt::format("the temporal layers make {} frames and cannot go on", window),
                      .field = known.defined() ? "context" : "frames",
                      .mend = "use layers trained for prediction"});
  }
  if (known.defined() && known.size(1) >= window) {
    throw UsageError({.what = fmt::format("{} given frames leave none of a window of {}", known.size(1), window),
                      .field = "context",
                      .mend = "give one or two"});
  }
}

int64_t film_length(const FilmPlan& plan) {
  int64_t length = plan.keys;
  for (size_t i = 0; i < plan.interpolation_rates.size(); ++i)
    length = cambium::video_ldm::interpolated_length(length, kBetween);
  return length;
}

at::Tensor FilmLatents::make_piece(const std::string& name, const VideoModel& model, WindowRequest request) const {
  // Each piece has noise of its own, whichever were made before it.
  for (uint64_t& seed : request.seeds) seed = mix_seed(seed, name);
  const auto make = [&](WindowProgress progress, const WindowHooks& hooks) {
    return make_window(model, request, hooks, std::move(progress));
  };
  return workspace_ ? workspace_->piece(name, make) : make({}, {.label = name}).cpu();
}

at::Tensor FilmLatents::first_window(const FilmPlan& plan) const {
  WindowRequest request = shared_;
  const int64_t frames = std::min(plan.keys, plan.window);
  request.shape.front() = model_.layers && model_.layers->options().frames > 0 ? plan.window : frames;
  if (plan.known.defined()) {
    request.known = padded(plan.known, request.shape.front()).to(request.text.device());
    request.mask =
        cambium::video_ldm::leading_mask(request.shape.front(), plan.known.size(1)).to(request.text.device());
  }
  at::Tensor made = make_piece("window_0001", model_, request);
  if (!plan.known.defined()) return made;
  // The film begins with the frames as they were given, not as the model repeats them.
  return at::cat({plan.known.cpu(), made.slice(1, plan.known.size(1))}, 1);
}

at::Tensor FilmLatents::further_windows(const FilmPlan& plan, const at::Tensor& first) const {
  if (plan.keys <= first.size(1)) return first.slice(1, 0, plan.keys);
  const auto make = [&](const cambium::video_ldm::Window& window, const at::Tensor& known) {
    WindowRequest request = shared_;
    request.shape.front() = plan.window;
    request.known = padded(known, plan.window).to(request.text.device());
    request.mask = cambium::video_ldm::leading_mask(plan.window, known.size(1)).to(request.text.device());
    return make_piece(fmt::format("window_{:04}", window.index + 1), model_, request);
  };
  return cambium::video_ldm::generate_long(first, {.frames = plan.keys, .window = plan.window, .context = plan.context},
                                           make);
}

at::Tensor FilmLatents::between(const at::Tensor& keys, int64_t pass, int64_t rate) const {
  const auto make = [&](int64_t index, const at::Tensor& ends) {
    WindowRequest request = shared_;
    request.shape.front() = ends.size(1);
    request.known = ends.to(request.text.device());
    request.mask = cambium::video_ldm::ends_mask(ends.size(1)).to(request.text.device());
    request.frame_rate = rate;
    return make_piece(fmt::format("between_{}_{:04}", pass, index + 1), interpolation_, request);
  };
  return cambium::video_ldm::interpolate(keys, kBetween, make);
}

at::Tensor FilmLatents::make(const FilmPlan& plan) const {
  plan.validate(model_);
  at::Tensor latents = further_windows(plan, first_window(plan));
  for (size_t pass = 0; pass < plan.interpolation_rates.size(); ++pass)
    latents = between(latents, static_cast<int64_t>(pass) + 1, plan.interpolation_rates[pass]);
  return latents;
}

}  // namespace cambium::systems::video_ldm
