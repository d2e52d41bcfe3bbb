#include "systems/video_ldm/text_contexts.h"

#include <c10/core/GradMode.h>

#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "core/sha256.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr size_t kTextsAtOnce = 32;

// Texts without repeats, numbered in the order in which they come.
class Numbered {
 public:
  int64_t operator()(const std::string& text) {
    const auto [place, added] = rows_.emplace(text, static_cast<int64_t>(texts_.size()));
    if (added) texts_.push_back(text);
    return place->second;
  }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::map<std::string, int64_t> rows_;
  std::vector<std::string> texts_;
};

std::shared_ptr<const train::FeatureStore> encode_all(const std::vector<std::string>& texts,
                                                      const latent_diffusion::TextEncoder& encoder,
                                                      const std::filesystem::path& folder, const std::string& key) {
  size_t next = 0;
  const train::FeatureStore::Source source{
      .next = [&]() -> std::optional<io::NamedTensors> {
        if (next == texts.size()) return std::nullopt;
        const size_t end = std::min(next + kTextsAtOnce, texts.size());
        const at::NoGradGuard guard;
        const at::Tensor contexts = encoder.encode(std::span(texts).subspan(next, end - next));  // [n, L, D]
        next = end;
        return io::NamedTensors{{"context", contexts.to(at::kCPU).contiguous()}};
      },
      .position = [&] { return nlohmann::json(next); },
      .restore = [&](const nlohmann::json& state) { next = state.get<size_t>(); }};
  const nlohmann::json parts = {key, texts};
  return train::FeatureStore::make(source, {.folder = folder,
                                            .key = sha256_hex(parts.dump()),
                                            .label = "captions",
                                            .unit = "texts",
                                            .total = static_cast<int64_t>(texts.size())});
}

}  // namespace

TextContexts::TextContexts(const std::vector<Film>& films, const latent_diffusion::TextEncoder& encoder,
                           const std::filesystem::path& folder, const std::string& key) {
  Numbered number;
  empty_ = number("");
  for (const Film& film : films) name_.push_back(number(film.caption));
  for (const Film& film : films) subgroup_.push_back(number(film.subgroup));
  store_ = encode_all(number.texts(), encoder, folder, key);
}

at::Tensor TextContexts::draw(const std::vector<int64_t>& films, const CaptionShares& shares, Rng& rng) const {
  std::vector<int64_t> rows;
  for (const int64_t film : films) {
    const auto at = static_cast<size_t>(film);
    const Caption caption = video_ldm::draw(shares, rng);
    rows.push_back(caption == Caption::none ? empty_ : caption == Caption::name ? name_[at] : subgroup_[at]);
  }
  return store_->column("context", rows);
}

}  // namespace cambium::systems::video_ldm
