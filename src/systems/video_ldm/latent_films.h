#pragma once
// What the autoencoder makes of every frame of a set of films, computed once and then read from disk.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "models/latent_diffusion/autoencoder.h"
#include "systems/video_ldm/film_set.h"
#include "train/feature_store.h"

namespace cambium::systems::video_ldm {

class LatentFilms {
 public:
  struct Options {
    std::filesystem::path folder = {};  // of the cache; empty: in memory
    int64_t films = 0;                  // so many alone, for a dry run; 0: all
  };
  // Encodes every frame, with progress; stopped, the next call goes on behind the last finished part.
  static std::shared_ptr<const LatentFilms> make(const FilmSet& films, latent_diffusion::Autoencoder& autoencoder,
                                                 const Options& options);

  // A film's frames are consecutive rows.
  struct Span {
    int64_t film = 0;  // in the FilmSet
    int64_t begin = 0, frames = 0;
  };
  const std::vector<Span>& spans() const { return spans_; }
  // Of one film. Error where it has no rows.
  const Span& span_of(int64_t film) const;
  int64_t size() const { return store_->size(); }  // rows

  // Scaled latents, as the diffusion model sees them, f32 [rows, C, h, w] on the CPU: the mean of the posterior, or
  // drawn from it.
  at::Tensor mean(const std::vector<int64_t>& rows) const;
  at::Tensor sample(const std::vector<int64_t>& rows, at::Generator& generator) const;

 private:
  std::shared_ptr<const train::FeatureStore> store_;
  std::vector<Span> spans_;
  double scale_ = 1;
};

}  // namespace cambium::systems::video_ldm
