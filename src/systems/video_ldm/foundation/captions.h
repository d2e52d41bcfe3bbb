#pragma once
// Words for frames, from exact to none, as token ids.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/random.h"
#include "models/latent_diffusion/text_encoder.h"
#include "systems/video_ldm/caption_shares.h"
#include "systems/video_ldm/film_set.h"

namespace cambium::systems::video_ldm::foundation {

// Every film's captions in a table of ids, made once: tokenizing is slower than a step of a small network.
class CaptionTable {
 public:
  CaptionTable(const std::vector<Film>& films, const latent_diffusion::TextEncoder& encoder);

  // A caption for each of these films, drawn by the recipe's shares. -> [films, context] int64
  at::Tensor draw(const std::vector<int64_t>& films, const CaptionShares& shares, Rng& rng) const;
  at::Tensor names(const std::vector<int64_t>& films) const;     // [films, context]
  at::Tensor none() const { return ids_.slice(0, 2 * films_); }  // [1, context]

 private:
  at::Tensor ids_;  // [2 F + 1, context]: names, subgroups, the empty caption
  int64_t films_ = 0;
};

}  // namespace cambium::systems::video_ldm::foundation
