#include "systems/video_ldm/latent_films.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/sha256.h"
#include "data/clips/clip.h"
#include "nn/load.h"
#include "peft/delta.h"
#include "systems/video_ldm/pictures.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr int64_t kFramesAtOnce = 16;

// One film's rows: "film" [T] int64, "mean" and "deviation" [T, C, h, w] of the posterior, unscaled, in half precision.
io::NamedTensors encode_film(latent_diffusion::Autoencoder& autoencoder, const at::Tensor& frames, int64_t film) {
  const at::NoGradGuard guard;
  const c10::Device device = autoencoder.parameters().front().device();
  std::vector<at::Tensor> means, deviations;
  for (const at::Tensor& some : frames.split(kFramesAtOnce)) {
    const latent_diffusion::Posterior posterior = autoencoder.encode(data::to_signed_unit(some.to(device)));
    means.push_back(posterior.mean.to(at::kCPU, at::kHalf));
    deviations.push_back(posterior.logvar.mul(0.5).exp().to(at::kCPU, at::kHalf));
  }
  return {{"film", at::full({frames.size(0)}, film, at::kLong)},
          {"mean", at::cat(means).contiguous()},
          {"deviation", at::cat(deviations).contiguous()}};
}

std::string cache_key(const FilmSet& films, const latent_diffusion::Autoencoder& autoencoder) {
  const nlohmann::json parts = {peft::Foundation::of(nn::state_tensors(autoencoder)).fingerprint, films.fingerprint()};
  return sha256_hex(parts.dump());
}

std::vector<LatentFilms::Span> spans_of(const train::FeatureStore& store) {
  std::vector<int64_t> all(static_cast<size_t>(store.size()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  std::vector<LatentFilms::Span> spans;
  const at::Tensor films = store.column("film", all);
  const int64_t* film = films.const_data_ptr<int64_t>();
  for (int64_t row = 0; row < store.size(); ++row) {
    if (spans.empty() || spans.back().film != film[row]) spans.push_back({.film = film[row], .begin = row});
    ++spans.back().frames;
  }
  return spans;
}

}  // namespace

std::shared_ptr<const LatentFilms> LatentFilms::make(const FilmSet& films, latent_diffusion::Autoencoder& autoencoder,
                                                     const Options& options) {
  const auto count = static_cast<int64_t>(films.films().size());
  const int64_t end = options.films > 0 ? std::min(options.films, count) : count;
  int64_t next = 0;
  const train::FeatureStore::Source source{
      .next = [&]() -> std::optional<io::NamedTensors> {
        if (next == end) return std::nullopt;
        const int64_t film = next++;
        return encode_film(autoencoder, films.frames(film), film);
      },
      .position = [&] { return nlohmann::json(next); },
      .restore = [&](const nlohmann::json& state) { next = state.get<int64_t>(); }};
  auto latents = std::make_shared<LatentFilms>();
  latents->store_ = train::FeatureStore::make(
      source, {.folder = options.folder, .key = cache_key(films, autoencoder), .label = "latents", .unit = "frames"});
  latents->spans_ = spans_of(*latents->store_);
  latents->scale_ = autoencoder.options().scaling_factor;
  return latents;
}

const LatentFilms::Span& LatentFilms::span_of(int64_t film) const {
  const auto found =
      std::lower_bound(spans_.begin(), spans_.end(), film, [](const Span& span, int64_t f) { return span.film < f; });
  if (found == spans_.end() || found->film != film)
    throw Error({.what = "film " + std::to_string(film) + " has no cached latents"});
  return *found;
}

at::Tensor LatentFilms::mean(const std::vector<int64_t>& rows) const {
  return store_->column("mean", rows).to(at::kFloat) * scale_;
}

at::Tensor LatentFilms::sample(const std::vector<int64_t>& rows, at::Generator& generator) const {
  const at::Tensor deviation = store_->column("deviation", rows).to(at::kFloat) * scale_;
  return mean(rows) + deviation * at::randn(deviation.sizes(), generator);
}

}  // namespace cambium::systems::video_ldm
