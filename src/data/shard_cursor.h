#pragma once
// The order in which shards and their samples are read (data/shards.h).
#include "core/random.h"
#include "data/shards.h"

namespace cambium::data {

class ShardCursor : public Cursor {
 public:
  ShardCursor(std::shared_ptr<const ImageTextShards::Set> set, const StreamOptions& options);

  std::optional<Ticket> next() override;
  std::unique_ptr<Cursor> clone() const override { return std::make_unique<ShardCursor>(*this); }
  nlohmann::json state() const override;
  void restore(const nlohmann::json& state) override;

 private:
  void begin_pass(int64_t pass);
  // The next sample of the pass in reading order.
  std::optional<Ticket> scan();

  std::shared_ptr<const ImageTextShards::Set> set_;
  StreamOptions options_;
  int64_t pass_ = 0, given_ = 0;                       // samples given in this pass
  std::shared_ptr<const std::vector<int64_t>> order_;  // this rank's shards in this pass's order
  int64_t place_ = 0, offset_ = 0;                     // where scan() goes on: order_[place_], byte
  std::vector<Ticket> buffer_;
  Rng rng_;  // of the buffer
};

}  // namespace cambium::data
