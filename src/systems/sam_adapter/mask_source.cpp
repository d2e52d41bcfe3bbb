#include "systems/sam_adapter/mask_source.h"

#include "core/error.h"

namespace cambium::systems::sam_adapter {
namespace {

const at::Tensor& named(const io::NamedTensors& tensors, std::string_view name) {
  return std::find_if(tensors.begin(), tensors.end(), [&](const auto& item) { return item.first == name; })->second;
}

c10::Device device_of(const cambium::sam_adapter::SamAdapter& model) { return model.no_mask_embed()->weight.device(); }

}  // namespace

EncodedMasks::EncodedMasks(std::shared_ptr<cambium::sam_adapter::SamAdapter> model,
                           std::unique_ptr<cambium::data::Loader<cambium::data::MaskItem>> loader,
                           int64_t micro_batch_bytes)
    : model_(std::move(model)), loader_(std::move(loader)), bytes_(micro_batch_bytes) {}

void EncodedMasks::fetch(int64_t micro_batches) {
  batches_.clear();
  for (int64_t i = 0; i < micro_batches; ++i) batches_.push_back(cambium::data::collate(loader_->next().value()));
}

at::Tensor EncodedMasks::logits(int64_t i) {
  return model_->forward(cambium::data::normalise(batches_[static_cast<size_t>(i)].images.to(device_of(*model_))));
}

CachedMasks::CachedMasks(std::shared_ptr<cambium::sam_adapter::SamAdapter> model,
                         std::shared_ptr<const train::FeatureStore> store, int64_t first_block, int64_t micro_batch,
                         train::RowOrder order)
    : model_(std::move(model)),
      store_(std::move(store)),
      first_block_(first_block),
      micro_batch_(micro_batch),
      order_(std::move(order)) {}

void CachedMasks::fetch(int64_t micro_batches) {
  batches_.clear();
  for (const auto& rows : order_.next(micro_batches, micro_batch_)) batches_.push_back(store_->rows(rows));
}

at::Tensor CachedMasks::logits(int64_t i) {
  const bool whole = first_block_ == model_->options().sam.encoder.depth;
  const at::Tensor rows = named(batches_[static_cast<size_t>(i)], whole ? "features" : "tokens").to(device_of(*model_));
  return model_->decode(whole ? rows : model_->encode_from(rows, first_block_));
}

at::Tensor CachedMasks::masks(int64_t i) { return named(batches_[static_cast<size_t>(i)], "masks"); }

io::NamedTensors frozen_rows(cambium::sam_adapter::SamAdapter& model, const cambium::data::MaskBatch& batch,
                             int64_t first_block) {
  const at::NoGradGuard guard;
  const at::Tensor images = cambium::data::normalise(batch.images.to(device_of(model)));
  const bool whole = first_block == model.options().sam.encoder.depth;
  const at::Tensor rows = whole ? model.encode(images) : model.encode_prefix(images, first_block);
  return {{whole ? "features" : "tokens", rows.contiguous().cpu()}, {"masks", batch.masks}};
}

}  // namespace cambium::systems::sam_adapter
