#include "systems/video_ldm/clip_order.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace cambium::systems::video_ldm {
namespace {

std::vector<LatentFilms::Span> long_enough(const LatentFilms& latents, const std::vector<int64_t>& films,
                                           const ClipOptions& options) {
  const int64_t shortest = *std::min_element(options.strides.begin(), options.strides.end());
  const std::set<int64_t> wanted(films.begin(), films.end());
  std::vector<LatentFilms::Span> spans;
  for (const LatentFilms::Span& span : latents.spans()) {
    if (wanted.contains(span.film) && span.frames >= clip_length(options.frames, shortest)) spans.push_back(span);
  }
  if (spans.empty()) {
    throw Error({.what = "no film is long enough for clips of " + std::to_string(options.frames) + " frames",
                 .field = "data.frames",
                 .mend = "ask for fewer frames, or for a higher rate"});
  }
  return spans;
}

}  // namespace

Clip clip_at(const LatentFilms::Span& span, int64_t from, int64_t frames, int64_t stride) {
  Clip clip{.film = span.film};
  for (int64_t i = 0; i < frames; ++i) clip.rows.push_back(span.begin + from + i * stride);
  return clip;
}

ClipOrder::ClipOrder(const LatentFilms& latents, const std::vector<int64_t>& films, const ClipOptions& options)
    : options_(options),
      spans_(long_enough(latents, films, options)),
      too_short_(static_cast<int64_t>(films.size() - spans_.size())),
      order_({.rows = static_cast<int64_t>(spans_.size()), .seed = mix_seed(options.seed, "films")}),
      rng_(mix_seed(options.seed, "starts")) {}

std::vector<Clip> ClipOrder::next(int64_t count) {
  std::vector<Clip> clips;
  for (int64_t i = 0; i < count; ++i) {
    const LatentFilms::Span& span = spans_[static_cast<size_t>(order_.next(1, 1)[0][0])];
    std::vector<int64_t> rates;
    for (size_t rate = 0; rate < options_.strides.size(); ++rate) {
      if (span.frames >= clip_length(options_.frames, options_.strides[rate]))
        rates.push_back(static_cast<int64_t>(rate));
    }
    const int64_t rate = rates[static_cast<size_t>(rng_.below(static_cast<int64_t>(rates.size())))];
    const int64_t stride = options_.strides[static_cast<size_t>(rate)];
    const int64_t from = rng_.below(span.frames - clip_length(options_.frames, stride) + 1);
    clips.push_back(clip_at(span, from, options_.frames, stride));
    clips.back().rate = rate;
  }
  return clips;
}

void ClipOrder::restore(const nlohmann::json& state) {
  const auto order = state.find("order"), starts = state.find("starts");
  if (order == state.end() || starts == state.end() || !starts->is_string()) {
    throw Error({.what = "the saved position is not one of clips", .mend = "start the run anew"});
  }
  order_.restore(*order);
  rng_.set_state(starts->get<std::string>());
}

}  // namespace cambium::systems::video_ldm
