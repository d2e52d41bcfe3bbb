#pragma once
// Where a contrastive step gets the features of its pairs from.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "models/clip/clip.h"
#include "systems/meru/pairs.h"

namespace cambium::systems::meru {

class PairSource {
 public:
  virtual ~PairSource() = default;
  // Takes the next micro-batches from the data.
  virtual void fetch(int64_t micro_batches) = 0;
  // Projected features of the pictures and of the texts of one of them, 2 of [b, E], with a graph where one is
  // recorded. The same when called again.
  virtual std::vector<at::Tensor> features(int64_t micro_batch) = 0;
  // The position after the last fetch, and back to it.
  virtual nlohmann::json state() const = 0;
  virtual void restore(const nlohmann::json& state) = 0;
  // What fetch() holds of one micro-batch.
  virtual int64_t micro_batch_bytes() const = 0;
};

// Pictures and words through the model's towers.
class EncodedPairs : public PairSource {
 public:
  EncodedPairs(std::shared_ptr<cambium::clip::CLIP> model, std::unique_ptr<data::Loader<Pair>> loader,
               int64_t micro_batch);

  void fetch(int64_t micro_batches) override;
  std::vector<at::Tensor> features(int64_t micro_batch) override;
  nlohmann::json state() const override;
  void restore(const nlohmann::json& state) override;
  int64_t micro_batch_bytes() const override;

 private:
  std::shared_ptr<cambium::clip::CLIP> model_;
  std::unique_ptr<data::Loader<Pair>> loader_;
  int64_t micro_batch_;
  std::vector<PairBatch> batches_;
};

}  // namespace cambium::systems::meru
