#pragma once
// What a frozen text encoder makes of captions, computed once for a training run.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "models/latent_diffusion/text_encoder.h"
#include "systems/video_ldm/caption_shares.h"
#include "systems/video_ldm/film_set.h"
#include "train/feature_store.h"

namespace cambium::systems::video_ldm {

// The captions and subgroups of a set of films, and the empty caption that classifier-free guidance needs.
class TextContexts {
 public:
  // `folder` is the cache's; empty: in memory. `key` stands for the text encoder's weights.
  TextContexts(const std::vector<Film>& films, const latent_diffusion::TextEncoder& encoder,
               const std::filesystem::path& folder, const std::string& key);

  // A context for each of these films, drawn by the recipe's shares. -> [films, L, D] on the CPU
  at::Tensor draw(const std::vector<int64_t>& films, const CaptionShares& shares, Rng& rng) const;

 private:
  std::vector<int64_t> name_, subgroup_;  // rows of the store, by film
  int64_t empty_ = 0;
  std::shared_ptr<const train::FeatureStore> store_;
};

}  // namespace cambium::systems::video_ldm
