#pragma once
// Where a training step's mask logits come from: pictures through the whole model, or through its trained part alone
// from what the frozen one made of them before.
#include <ATen/core/Tensor.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/loader.h"
#include "data/masks/transform.h"
#include "models/sam_adapter/model.h"
#include "train/feature_store.h"

namespace cambium::systems::sam_adapter {

class MaskSource {
 public:
  virtual ~MaskSource() = default;
  // Takes the data of a step.
  virtual void fetch(int64_t micro_batches) = 0;
  // Of micro-batch i: low-resolution logits [B, classes, S/4, S/4] with their graph; the masks, u8 [B, 1, S, S].
  virtual at::Tensor logits(int64_t i) = 0;
  virtual at::Tensor masks(int64_t i) = 0;

  virtual nlohmann::json state() const = 0;
  virtual void restore(const nlohmann::json& state) = 0;
  virtual int64_t micro_batch_bytes() const = 0;
};

// Decoded, flipped and squashed by loader threads.
class EncodedMasks : public MaskSource {
 public:
  EncodedMasks(std::shared_ptr<cambium::sam_adapter::SamAdapter> model,
               std::unique_ptr<cambium::data::Loader<cambium::data::MaskItem>> loader, int64_t micro_batch_bytes);

  void fetch(int64_t micro_batches) override;
  at::Tensor logits(int64_t i) override;
  at::Tensor masks(int64_t i) override { return batches_[static_cast<size_t>(i)].masks; }
  nlohmann::json state() const override { return loader_->state(); }
  void restore(const nlohmann::json& state) override { loader_->restore(state); }
  int64_t micro_batch_bytes() const override { return bytes_; }

 private:
  std::shared_ptr<cambium::sam_adapter::SamAdapter> model_;
  std::unique_ptr<cambium::data::Loader<cambium::data::MaskItem>> loader_;
  int64_t bytes_;
  std::vector<cambium::data::MaskBatch> batches_;
};

// From a store of the frozen part's output ("tokens" [n, h, w, C] before block `first_block`, or "features" [n, 256, h,
// w] where that is the encoder's depth) and masks ("masks" u8 [n, 1, S, S]).
class CachedMasks : public MaskSource {
 public:
  CachedMasks(std::shared_ptr<cambium::sam_adapter::SamAdapter> model, std::shared_ptr<const train::FeatureStore> store,
              int64_t first_block, int64_t micro_batch, train::RowOrder order);

  void fetch(int64_t micro_batches) override;
  at::Tensor logits(int64_t i) override;
  at::Tensor masks(int64_t i) override;
  nlohmann::json state() const override { return order_.state(); }
  void restore(const nlohmann::json& state) override { order_.restore(state); }
  int64_t micro_batch_bytes() const override { return micro_batch_ * store_->row_bytes(); }

 private:
  std::shared_ptr<cambium::sam_adapter::SamAdapter> model_;
  std::shared_ptr<const train::FeatureStore> store_;
  int64_t first_block_, micro_batch_;
  train::RowOrder order_;
  std::vector<io::NamedTensors> batches_;
};

// What the frozen part makes of a batch, as the store keeps it: bfloat16 where that is computed in, on the CPU.
io::NamedTensors frozen_rows(cambium::sam_adapter::SamAdapter& model, const cambium::data::MaskBatch& batch,
                             int64_t first_block);

}  // namespace cambium::systems::sam_adapter
