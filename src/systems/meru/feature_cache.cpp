#include "systems/meru/feature_cache.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/random.h"
#include "io/safetensors.h"

namespace cambium::systems::meru {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kPart = 2048;  // pairs: little is computed again after a kill

fs::path part_file(const fs::path& folder, size_t index) {
  std::string number = std::to_string(index);
  number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
  return folder / ("part_" + number + ".safetensors");
}

// [b, W] and [b, V], float32 on the CPU.
std::pair<at::Tensor, at::Tensor> tower_features(cambium::clip::CLIP& model, std::vector<Pair>&& pairs) {
  const at::NoGradGuard guard;
  const PairBatch batch = collate(std::move(pairs), model.options().visual.image_size);
  const c10::Device device = model.logit_scale().device();
  const at::Tensor ids = cambium::clip::pad_tokens(batch.tokens, model.options().textual.context);
  return {model.visual_features(batch.pixels.to(device)).to(at::kFloat).cpu().contiguous(),
          model.textual_features(ids.to(device)).to(at::kFloat).cpu().contiguous()};
}

}  // namespace

void FeatureCache::add(at::Tensor image, at::Tensor text) {
  parts_.push_back({.begin = size_, .image = std::move(image), .text = std::move(text)});
  size_ += parts_.back().image.size(0);
}

// Takes over the parts in `folder` and sets the loader behind them. Whether they are all there is.
bool FeatureCache::open(data::Loader<Pair>& loader, const fs::path& folder, const std::string& key) {
  const fs::path end = folder / "complete.json";
  std::string position;
  for (size_t i = 0; fs::exists(part_file(folder, i)); ++i) {
    const io::StateDict part = io::read_safetensors(part_file(folder, i));
    const auto own = part.metadata.find("key"), behind = part.metadata.find("position");
    if (own == part.metadata.end() || behind == part.metadata.end() || own->second != key) {
      log::warn(folder.string() + ": holds the features of other weights, data or settings; they are computed again");
      fs::remove_all(folder);
      parts_.clear();
      size_ = 0;
      return false;
    }
    const at::Tensor &image = part.at("image"), &text = part.at("text");
    if (image.dim() != 2 || text.dim() != 2 || image.size(0) != text.size(0) || image.scalar_type() != at::kFloat ||
        text.scalar_type() != at::kFloat) {
      throw Error({.what = "holds no features",
                   .file = part.source,
                   .mend = "remove the folder, then they are computed again"});
    }
    add(image, text);
    position = behind->second;
  }
  if (position.empty()) return false;
  if (fs::exists(end)) return true;
  loader.restore(nlohmann::json::parse(position));
  return false;
}

std::shared_ptr<const FeatureCache> FeatureCache::make(cambium::clip::CLIP& model, data::Loader<Pair>& loader,
                                                       const fs::path& folder, const std::string& key) {
  auto cache = std::make_shared<FeatureCache>();
  if (!folder.empty() && cache->open(loader, folder, key)) return cache;
  Progress progress("tower features", 0, "pairs", cache->size());
  for (bool more = true; more;) {
    std::vector<at::Tensor> images, texts;
    int64_t pairs = 0;
    while (pairs < kPart) {
      interrupt::check();
      auto batch = loader.next();
      more = batch.has_value();
      if (!more) break;
      auto [image, text] = tower_features(model, std::move(*batch));
      pairs += image.size(0);
      images.push_back(std::move(image));
      texts.push_back(std::move(text));
      progress.update(cache->size() + pairs);
    }
    if (pairs == 0) break;
    const at::Tensor image = at::cat(images), text = at::cat(texts);
    if (!folder.empty()) {
      io::write_safetensors(part_file(folder, cache->parts_.size()), {{"image", image}, {"text", text}},
                            {{"format", "cambium.features"}, {"key", key}, {"position", loader.state().dump()}});
    }
    cache->add(image, text);
  }
  progress.finish();
  if (cache->size() == 0) throw Error({.what = "the data hold no pair that can be read", .field = "data.paths"});
  if (!folder.empty()) {
    write_file(folder / "complete.json", nlohmann::json({{"pairs", cache->size()}, {"key", key}}).dump(2) + "\n");
  }
  return cache;
}

std::shared_ptr<const FeatureCache> FeatureCache::rehearse(cambium::clip::CLIP& model, data::Loader<Pair>& loader,
                                                           int64_t pairs) {
  auto batch = loader.next();
  if (!batch) throw Error({.what = "the data hold no pair that can be read", .field = "data.paths"});
  const auto began = std::chrono::steady_clock::now();
  const auto [image, text] = tower_features(model, std::move(*batch));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  char milliseconds[32];
  std::snprintf(milliseconds, sizeof milliseconds, "%.3g", 1e3 * seconds / static_cast<double>(image.size(0)));
  log::info("before the first step, the towers' features are computed once: " + std::string(milliseconds) +
            " ms a pair");
  auto cache = std::make_shared<FeatureCache>();
  while (cache->size() < pairs) cache->add(image, text);
  return cache;
}

std::pair<at::Tensor, at::Tensor> FeatureCache::rows(const std::vector<int64_t>& rows) const {
  const auto count = static_cast<int64_t>(rows.size());
  at::Tensor image = at::empty({count, parts_.front().image.size(1)}),
             text = at::empty({count, parts_.front().text.size(1)});
  const auto copy = [](const at::Tensor& from, int64_t row, at::Tensor& to, int64_t at) {
    const int64_t width = to.size(1);
    std::memcpy(to.mutable_data_ptr<float>() + at * width, from.const_data_ptr<float>() + row * width,
                static_cast<size_t>(width) * sizeof(float));
  };
  for (int64_t i = 0; i < count; ++i) {
    // The last part that begins at or before the row.
    const auto behind = std::upper_bound(parts_.begin(), parts_.end(), rows[i],
                                         [](int64_t row, const Part& part) { return row < part.begin; });
    const Part& part = *std::prev(behind);
    copy(part.image, rows[i] - part.begin, image, i);
    copy(part.text, rows[i] - part.begin, text, i);
  }
  return {image, text};
}

CachedPairs::CachedPairs(std::shared_ptr<cambium::clip::CLIP> model, std::shared_ptr<const FeatureCache> cache,
                         Options options)
    : model_(std::move(model)), cache_(std::move(cache)), options_(options) {
  shuffle();
}

void CachedPairs::shuffle() {
  const int64_t pairs = cache_->size() / options_.views, view = pass_ % options_.views;
  order_.resize(static_cast<size_t>(pairs));
  for (int64_t i = 0; i < pairs; ++i) order_[i] = view * pairs + i;
  Rng rng(mix_seed(options_.seed, "cached pairs", static_cast<uint64_t>(pass_)));
  rng.shuffle(order_);
}

void CachedPairs::fetch(int64_t micro_batches) {
  const int64_t step = micro_batches * options_.micro_batch, pairs = static_cast<int64_t>(order_.size());
  if (step > pairs) {
    throw UsageError({.what = "a step takes " + std::to_string(step) + " pairs of " + std::to_string(pairs),
                      .field = "train.batch",
                      .mend = "choose a smaller batch"});
  }
  if (position_ + step > pairs) {
    ++pass_;
    position_ = 0;
    shuffle();
  }
  batches_.clear();
  for (int64_t i = 0; i < micro_batches; ++i) {
    batches_.emplace_back(order_.begin() + position_, order_.begin() + position_ + options_.micro_batch);
    position_ += options_.micro_batch;
  }
}

std::vector<at::Tensor> CachedPairs::features(int64_t micro_batch) {
  const auto [image, text] = cache_->rows(batches_[micro_batch]);
  const c10::Device device = model_->logit_scale().device();
  return {model_->visual_proj()->forward(image.to(device)), model_->textual_proj()->forward(text.to(device))};
}

nlohmann::json CachedPairs::state() const {
  return {{"pairs", cache_->size()}, {"pass", pass_}, {"position", position_}};
}

void CachedPairs::restore(const nlohmann::json& state) {
  try {
    if (state.at("pairs").get<int64_t>() != cache_->size()) {
      throw Error(
          {.what = "the data have changed since the run began", .field = "data.paths", .mend = "begin another run"});
    }
    pass_ = state.at("pass").get<int64_t>();
    position_ = state.at("position").get<int64_t>();
  } catch (const nlohmann::json::exception&) {
    throw Error({.what = "the saved position is not one of cached features",
                 .field = "peft.method",
                 .mend = "resume with the recipe that began the run"});
  }
  shuffle();
}

int64_t CachedPairs::micro_batch_bytes() const {
  return options_.micro_batch * 4 * (model_->options().visual.width + model_->options().textual.width);
}

}  // namespace cambium::systems::meru
