#pragma once
// Worker threads that fetch, decode and map samples ahead of the consumer. The sequence of items does not depend on the
// number of threads, and continues exactly after state()/restore().
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/random.h"
#include "data/dataset.h"

namespace cambium::data {

struct LoaderOptions {
  StreamOptions stream = {};
  int64_t batch_size = 64;    // samples a batch on this rank
  int64_t threads = 1;        // 0: the consumer's own thread does the work
  int64_t prefetch = 0;       // items made ahead at most; 0: a batch, but at least 16 a thread
  bool drop_last = false;     // finite streams: leave out an incomplete last batch
  bool skip_bad = true;       // a sample whose fetch or map throws Error: warn, count and go on; false: throw it
  int64_t max_bad_run = 256;  // so many bad samples in a row are an error all the same

  void validate() const;
};

struct LoaderStats {
  double wait_seconds = 0;   // the consumer waited for data
  double total_seconds = 0;  // between the window's beginning and now
  int64_t samples = 0;       // handed out
  int64_t skipped = 0;       // bad ones left out
  double wait_fraction() const { return total_seconds > 0 ? wait_seconds / total_seconds : 0; }
};

// The part that knows nothing of the item's type. Not thread-safe: one consumer.
class LoaderBase {
 public:
  ~LoaderBase();
  LoaderBase(const LoaderBase&) = delete;
  LoaderBase& operator=(const LoaderBase&) = delete;

  // The position after the last batch handed out, as JSON of a few kilobytes (shards: the shuffle buffer's places too).
  nlohmann::json state() const;
  // Continues from `state`: the following batches are bitwise those of the run that saved it. Error, in one sentence,
  // for another dataset, seed or rank count.
  void restore(const nlohmann::json& state);

  // Pass (from 0) of the last sample handed out; samples handed out since the beginning of the run.
  int64_t pass() const;
  int64_t samples() const;
  // Time and counts since the last call (or the beginning).
  LoaderStats take_stats();

 protected:
  using Erased = std::shared_ptr<void>;
  using ErasedMapper = std::function<Erased(Sample&&, Rng&)>;
  LoaderBase(std::shared_ptr<const Dataset> dataset, ErasedMapper mapper, LoaderOptions options);
  // One batch, in order. Empty at the end of a finite stream. Rethrows what a worker threw.
  std::vector<Erased> next_erased();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Item is what the mapper makes of a sample, for instance a struct of crop and token ids. The mapper runs on several
// threads at once; its Rng depends on seed, pass and the sample's place alone. Error thrown by it means a bad sample
// (see skip_bad); UsageError and every other exception end the stream and surface in next().
template <class Item>
class Loader : public LoaderBase {
 public:
  using Mapper = std::function<Item(Sample&&, Rng&)>;

  Loader(std::shared_ptr<const Dataset> dataset, Mapper mapper, LoaderOptions options)
      : LoaderBase(
            std::move(dataset),
            [map = std::move(mapper)](Sample&& sample, Rng& rng) -> Erased {
              return std::make_shared<Item>(map(std::move(sample), rng));
            },
            std::move(options)) {}

  // The next batch (batch_size items; the last of a finite stream may be smaller), or nothing at the end.
  std::optional<std::vector<Item>> next() {
    std::vector<Erased> erased = next_erased();
    if (erased.empty()) return std::nullopt;
    std::vector<Item> items;
    items.reserve(erased.size());
    for (auto& item : erased) items.push_back(std::move(*static_cast<Item*>(item.get())));
    return items;
  }
};

}  // namespace cambium::data
