#include "systems/video_ldm/foundation/captions.h"

#include <ATen/ops/tensor.h>

namespace cambium::systems::video_ldm::foundation {

CaptionTable::CaptionTable(const std::vector<Film>& films, const latent_diffusion::TextEncoder& encoder)
    : films_(static_cast<int64_t>(films.size())) {
  std::vector<std::string> texts;
  for (const Film& film : films) texts.push_back(film.caption);
  for (const Film& film : films) texts.push_back(film.subgroup);
  texts.emplace_back();
  // [texts, parts, context]: short as captions are, they are one part
  ids_ = encoder.tokenize(texts, /*weights=*/false).ids.select(1, 0);
}

at::Tensor CaptionTable::draw(const std::vector<int64_t>& films, const CaptionShares& shares, Rng& rng) const {
  std::vector<int64_t> rows;
  for (const int64_t film : films) {
    const Caption caption = video_ldm::draw(shares, rng);
    rows.push_back(caption == Caption::none ? 2 * films_ : caption == Caption::name ? film : films_ + film);
  }
  return ids_.index_select(0, at::tensor(rows, at::kLong));
}

at::Tensor CaptionTable::names(const std::vector<int64_t>& films) const {
  return ids_.index_select(0, at::tensor(films, at::kLong));
}

}  // namespace cambium::systems::video_ldm::foundation
