#include "data/dataset.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/random.h"

namespace cambium::data {

void StreamOptions::validate() const {
  if (world < 1 || rank < 0 || rank >= world) {
    throw UsageError({.what = "rank " + std::to_string(rank) + " of " + std::to_string(world) + " does not exist",
                      .field = "rank",
                      .mend = "ranks count from 0"});
  }
  if (passes < 0) throw UsageError({.what = "must not be negative", .field = "passes", .mend = "0 means endless"});
  if (shuffle_buffer < 1)
    throw UsageError({.what = "must be at least 1", .field = "shuffle_buffer", .mend = "4000 is usual"});
}

namespace {

class IndexedCursor : public Cursor {
 public:
  IndexedCursor(int64_t size, StreamOptions options) : size_(size), options_(options) {}

  std::optional<Ticket> next() override {
    // The endless sequence of all ranks together, dealt out one by one.
    const int64_t global = position_ * options_.world + options_.rank;
    const int64_t pass = global / size_, place = global % size_;
    if (options_.passes > 0 && pass >= options_.passes) return std::nullopt;
    ++position_;
    return Ticket{.pass = pass, .offset = options_.shuffle ? order(pass)[static_cast<size_t>(place)] : place};
  }

  std::unique_ptr<Cursor> clone() const override { return std::make_unique<IndexedCursor>(*this); }

  nlohmann::json state() const override { return {{"kind", "indexed"}, {"position", position_}}; }

  void restore(const nlohmann::json& state) override {
    if (state.at("kind") != "indexed" || state.at("position").get<int64_t>() < 0) {
      throw Error({.what = "is not a position in an indexed dataset",
                   .field = "data position",
                   .mend = "resume with the data the run began with"});
    }
    position_ = state.at("position");
  }

 private:
  const std::vector<int64_t>& order(int64_t pass) {
    if (options_.replay_order) pass = 0;
    if (!order_ || order_pass_ != pass) {
      std::vector<int64_t> order(static_cast<size_t>(size_));
      std::iota(order.begin(), order.end(), 0);
      Rng(mix_seed(options_.seed, "sample order", static_cast<uint64_t>(pass))).shuffle(order);
      order_ = std::make_shared<const std::vector<int64_t>>(std::move(order));
      order_pass_ = pass;
    }
    return *order_;
  }

  int64_t size_;
  StreamOptions options_;
  int64_t position_ = 0;                               // tickets given on this rank
  std::shared_ptr<const std::vector<int64_t>> order_;  // shared by the copies
  int64_t order_pass_ = 0;
};

}  // namespace

std::unique_ptr<Cursor> IndexedDataset::cursor(const StreamOptions& options) const {
  options.validate();
  if (size() < 1)
    throw Error({.what = "holds no samples", .field = "dataset", .mend = "give a dataset with at least one sample"});
  return std::make_unique<IndexedCursor>(size(), options);
}

}  // namespace cambium::data
