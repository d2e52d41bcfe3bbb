#include "systems/meru/pair_source.h"

#include <nlohmann/json.hpp>

namespace cambium::systems::meru {

EncodedPairs::EncodedPairs(std::shared_ptr<cambium::clip::CLIP> model, std::unique_ptr<data::Loader<Pair>> loader,
                           int64_t micro_batch)
    : model_(std::move(model)), loader_(std::move(loader)), micro_batch_(micro_batch) {}

void EncodedPairs::fetch(int64_t micro_batches) {
  batches_.clear();
  for (int64_t i = 0; i < micro_batches; ++i) {
    batches_.push_back(collate(loader_->next().value(), model_->options().visual.image_size));
  }
}

std::vector<at::Tensor> EncodedPairs::features(int64_t micro_batch) {
  const PairBatch& batch = batches_[micro_batch];
  const c10::Device device = model_->logit_scale().device();
  const at::Tensor ids = cambium::clip::pad_tokens(batch.tokens, model_->options().textual.context);
  return {model_->image_features(batch.pixels.to(device)), model_->text_features(ids.to(device))};
}

nlohmann::json EncodedPairs::state() const { return loader_->state(); }
void EncodedPairs::restore(const nlohmann::json& state) { loader_->restore(state); }

int64_t EncodedPairs::micro_batch_bytes() const {
  const int64_t size = model_->options().visual.image_size;
  return micro_batch_ * 3 * size * size;
}

}  // namespace cambium::systems::meru
