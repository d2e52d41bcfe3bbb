#pragma once
// Which clips of the films the next batch takes.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/random.h"
#include "systems/video_ldm/latent_films.h"
#include "train/feature_store.h"

namespace cambium::systems::video_ldm {

// Frames of one film at one rate.
struct Clip {
  int64_t film = 0;
  int64_t rate = 0;                // index in the recipe's data.fps
  std::vector<int64_t> rows = {};  // in the LatentFilms, in the order of time
};

struct ClipOptions {
  int64_t frames = 8;                  // of a clip
  std::vector<int64_t> strides = {1};  // frames of the film from one to the next, by rate
  uint64_t seed = 0;
};

// Every pass takes each film once, in an order of its own, at one of the rates that it is long enough for, and begins
// anywhere.
class ClipOrder {
 public:
  // Of these films (numbers in the FilmSet). Error where none is long enough.
  ClipOrder(const LatentFilms& latents, const std::vector<int64_t>& films, const ClipOptions& options);

  std::vector<Clip> next(int64_t count);
  int64_t films() const { return static_cast<int64_t>(spans_.size()); }
  int64_t too_short() const { return too_short_; }  // films left out

  nlohmann::json state() const { return {{"order", order_.state()}, {"starts", rng_.state()}}; }
  // Error where `state` is not of this kind.
  void restore(const nlohmann::json& state);

 private:
  ClipOptions options_;
  std::vector<LatentFilms::Span> spans_;
  int64_t too_short_ = 0;
  train::RowOrder order_;
  Rng rng_;
};

// The clip that begins `from` frames into the film.
Clip clip_at(const LatentFilms::Span& span, int64_t from, int64_t frames, int64_t stride);
// Frames of the film that a clip spans.
inline int64_t clip_length(int64_t frames, int64_t stride) { return (frames - 1) * stride + 1; }

}  // namespace cambium::systems::video_ldm
