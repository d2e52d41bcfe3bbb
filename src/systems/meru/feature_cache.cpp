#include "systems/meru/feature_cache.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "core/log.h"

namespace cambium::systems::meru {
namespace {

constexpr int64_t kPartPairs = 2048;  // little is computed again after a kill

// "image" [b, W] and "text" [b, V], float32 on the CPU.
io::NamedTensors features_of(cambium::clip::CLIP& model, std::vector<Pair>&& pairs) {
  const at::NoGradGuard guard;
  const PairBatch batch = collate(std::move(pairs), model.options().visual.image_size);
  const c10::Device device = model.logit_scale().device();
  const at::Tensor ids = cambium::clip::pad_tokens(batch.tokens, model.options().textual.context);
  return {{"image", model.visual_features(batch.pixels.to(device)).to(at::kFloat).cpu().contiguous()},
          {"text", model.textual_features(ids.to(device)).to(at::kFloat).cpu().contiguous()}};
}

train::FeatureStore::Source source_of(cambium::clip::CLIP& model, data::Loader<Pair>& loader) {
  return {.next = [&]() -> std::optional<io::NamedTensors> {
            auto batch = loader.next();
            if (!batch) return std::nullopt;
            return features_of(model, std::move(*batch));
          },
          .position = [&] { return loader.state(); },
          .restore = [&](const nlohmann::json& state) { loader.restore(state); }};
}

}  // namespace

std::shared_ptr<const train::FeatureStore> tower_features(cambium::clip::CLIP& model, data::Loader<Pair>& loader,
                                                          const std::filesystem::path& folder, const std::string& key) {
  const int64_t row_bytes = 4 * (model.options().visual.width + model.options().textual.width);
  return train::FeatureStore::make(
      source_of(model, loader),
      {.folder = folder, .key = key, .part_bytes = kPartPairs * row_bytes, .label = "tower features", .unit = "pairs"});
}

std::shared_ptr<const train::FeatureStore> rehearse_tower_features(cambium::clip::CLIP& model,
                                                                   data::Loader<Pair>& loader, int64_t pairs) {
  train::FeatureStore::Source source = source_of(model, loader);
  source.next = [&]() -> std::optional<io::NamedTensors> {
    auto batch = loader.next();
    if (!batch) return std::nullopt;
    const auto count = static_cast<double>(batch->size());
    const auto began = std::chrono::steady_clock::now();
    io::NamedTensors features = features_of(model, std::move(*batch));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    char milliseconds[32];
    std::snprintf(milliseconds, sizeof milliseconds, "%.3g", 1e3 * seconds / count);
    log::info("before the first step, the towers' features are computed once: " + std::string(milliseconds) +
              " ms a pair");
    return features;
  };
  return train::FeatureStore::rehearse(source, pairs);
}

CachedPairs::CachedPairs(std::shared_ptr<cambium::clip::CLIP> model,
                         std::shared_ptr<const train::FeatureStore> features, int64_t micro_batch,
                         train::RowOrder order)
    : model_(std::move(model)), features_(std::move(features)), micro_batch_(micro_batch), order_(std::move(order)) {}

void CachedPairs::fetch(int64_t micro_batches) { batches_ = order_.next(micro_batches, micro_batch_); }

std::vector<at::Tensor> CachedPairs::features(int64_t micro_batch) {
  const io::NamedTensors rows = features_->rows(batches_[static_cast<size_t>(micro_batch)]);
  const c10::Device device = model_->logit_scale().device();
  return {model_->visual_proj()->forward(rows[0].second.to(device)),
          model_->textual_proj()->forward(rows[1].second.to(device))};
}

}  // namespace cambium::systems::meru
