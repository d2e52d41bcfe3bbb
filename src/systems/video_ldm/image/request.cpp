#include "systems/video_ldm/image/request.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/latent_diffusion/guidance.h"
#include "models/latent_diffusion/sampler.h"

namespace cambium::systems::video_ldm {

namespace {

using nlohmann::json;

// One list of names serves writing and reading.
template <class Request, class Visitor>
void visit(Request& request, Visitor&& field) {
  field("prompt", request.prompt);
  field("negative", request.negative);
  field("width", request.width);
  field("height", request.height);
  field("seed", request.seed);
  field("steps", request.steps);
  field("guidance", request.guidance);
  field("guidance_rescale", request.guidance_rescale);
  field("scheduler", request.scheduler);
  field("karras", request.karras);
  field("eta", request.eta);
  field("clip_skip", request.clip_skip);
  field("image", request.image);
  field("strength", request.strength);
  field("noise_level", request.noise_level);
}

void require(bool holds, const std::string& what, const char* field, const char* mend) {
  if (!holds) throw UsageError({.what = what, .field = field, .mend = mend});
}

}  // namespace

void ImageRequest::validate() const {
  require(width >= 0 && height >= 0 && (width == 0) == (height == 0),
          fmt::format("{} by {} pixels are no picture", width, height), "size", "give both sides, as 512x512");
  require(batch >= 1, fmt::format("cannot make {} pictures", batch), "batch", "give 1 or more");
  require(steps >= 1, fmt::format("cannot sample in {} steps", steps), "steps", "give 1 or more");
  require(clip_skip >= 1, fmt::format("there is no block {} from the last", clip_skip), "clip_skip", "give 1 or more");
  latent_diffusion::Guidance{.scale = guidance, .rescale = guidance_rescale}.validate();
  if (!image.empty()) latent_diffusion::first_step(steps, strength);
}

void parse_size(const std::string& text, ImageRequest& request) {
  const char* end = text.data() + text.size();
  const auto [cross, first] = std::from_chars(text.data(), end, request.width);
  const bool parted = first == std::errc() && cross != end && *cross == 'x';
  const auto [rest, second] = parted ? std::from_chars(cross + 1, end, request.height) : std::from_chars_result{};
  require(parted && second == std::errc() && rest == end && request.width > 0 && request.height > 0,
          "\"" + text + "\" is no size", "size", "give width and height in pixels, as 768x512");
}

json to_json(const ImageRequest& request) {
  json settings = json::object();
  visit(request, [&](const char* name, const auto& value) { settings[name] = value; });
  return settings;
}

void apply_json(const json& settings, const std::string& source, ImageRequest& request) {
  visit(request, [&](const char* name, auto& value) {
    const auto found = settings.find(name);
    if (found == settings.end()) return;
    try {
      found->get_to(value);
    } catch (const json::exception&) {
      throw Error({.what = "the settings have a value of the wrong type", .file = source, .field = name});
    }
  });
}

latent_diffusion::SchedulerOptions sampler_options(const ImageRequest& request,
                                                   latent_diffusion::SchedulerOptions model) {
  if (!request.scheduler.empty()) latent_diffusion::set_kind(model, request.scheduler);
  if (request.karras) model.sigmas = latent_diffusion::SigmaSpacing::karras;
  model.eta = request.eta;
  model.validate();
  return model;
}

}  // namespace cambium::systems::video_ldm
