#pragma once
// What a Loader reads from: a Dataset knows where the samples are and fetches them (from any thread); a Cursor decides
// in which order, one ticket at a time, without touching a picture. A cursor's state is the saved position.
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/sample.h"

namespace cambium::data {

// Where one sample is: a row number for indexed datasets, shard and byte offset for shards. `pass` counts from 0.
struct Ticket {
  int64_t pass = 0;
  int64_t shard = 0;
  int64_t offset = 0;
  bool operator==(const Ticket&) const = default;
};

// The order of samples. All draws come from `seed`; two streams with the same options are the same sequence.
struct StreamOptions {
  uint64_t seed = 0;
  int64_t rank = 0, world = 1;    // this process's part: disjoint from the others', together complete
  int64_t passes = 0;             // 0: endless
  bool shuffle = true;            // false: the dataset's own order
  int64_t shuffle_buffer = 4000;  // shards only: samples held before the first is given (RedCaps' loader: 4000)
  bool replay_order = false;      // every pass in the first pass's order, as the original MERU code does by accident

  void validate() const;
};

// A position in the stream. Cheap to copy; used by one thread at a time.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // The next sample's place, or nothing at the end of the last pass. Error for a damaged shard.
  virtual std::optional<Ticket> next() = 0;
  virtual std::unique_ptr<Cursor> clone() const = 0;
  virtual nlohmann::json state() const = 0;
  // Error where `state` is not one of this kind of cursor.
  virtual void restore(const nlohmann::json& state) = 0;
};

// Immutable once made; fetch() may be called from many threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::unique_ptr<Cursor> cursor(const StreamOptions& options) const = 0;
  // Reads the sample's bytes. Error names file and member or row.
  virtual Sample fetch(const Ticket& ticket) const = 0;
  // Changes when samples are added, removed or reordered: a saved position is refused by another dataset.
  virtual std::string fingerprint() const = 0;
};

// A dataset whose samples are numbered 0 .. size()-1 (folders, tables, annotations). Shuffled as a whole in every pass;
// rank r takes every world-th sample of the endless sequence from the r-th on, so that the ranks' batches of one step
// together are the single process's batch.
class IndexedDataset : public Dataset {
 public:
  virtual int64_t size() const = 0;
  virtual Sample get(int64_t index) const = 0;

  std::unique_ptr<Cursor> cursor(const StreamOptions& options) const override;
  Sample fetch(const Ticket& ticket) const override { return get(ticket.offset); }
};

}  // namespace cambium::data
