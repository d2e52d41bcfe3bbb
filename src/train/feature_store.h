#pragma once
// What a frozen part of a model makes of the training data, computed once and then read from disk: rows of named
// tensors.
//
// In the folder: part_00000.safetensors, ... with each tensor [n, ...] and the position in the data behind the part,
// then complete.json. Stopped at any moment, the next call goes on behind the last part.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "io/state_dict.h"

namespace cambium::train {

class FeatureStore {
 public:
  // Where the rows come from.
  struct Source {
    std::function<std::optional<io::NamedTensors>()>
        next;                                  // the next rows, each tensor [n, ...] on the CPU; nothing at the end
    std::function<nlohmann::json()> position;  // behind what next() gave
    std::function<void(const nlohmann::json&)> restore;
  };
  struct Options {
    std::filesystem::path folder = {};  // empty: in memory
    std::string key = {};            // stands for all that the rows depend on: parts with another key are thrown away
    int64_t part_bytes = 256 << 20;  // a part is written when it holds at least so many
    std::string label = "features", unit = "rows";  // of the progress bar
    int64_t total = 0;                              // rows, for the bar; 0: unknown
  };

  // Everything that the source has to give, with progress. Error: no row at all, a damaged part.
  static std::shared_ptr<const FeatureStore> make(const Source& source, const Options& options);
  // For a dry run: the first rows alone, repeated up to `rows`.
  static std::shared_ptr<const FeatureStore> rehearse(const Source& source, int64_t rows);

  int64_t size() const { return size_; }
  // The tensors of these rows, in their order: each [rows, ...].
  io::NamedTensors rows(const std::vector<int64_t>& rows) const;
  // One of them: [rows, ...]. Error naming a tensor that the store does not hold.
  at::Tensor column(std::string_view name, const std::vector<int64_t>& rows) const;
  int64_t row_bytes() const;

 private:
  struct Part {
    int64_t begin = 0;
    io::NamedTensors tensors;
  };
  void add(io::NamedTensors tensors);
  at::Tensor gather(size_t tensor, const std::vector<int64_t>& rows) const;
  std::optional<nlohmann::json> open(const Options& options, bool& complete);

  std::vector<Part> parts_;
  int64_t size_ = 0;
};

// Steps over such rows: every pass in an order of its own, the samples of a step distinct. With several views of each
// sample in the store, a pass takes one of each sample.
class RowOrder {
 public:
  struct Options {
    int64_t rows = 0;  // in the store, views included
    int64_t views = 1;
    // A sample's views lie side by side, and which is taken is drawn for each sample. Otherwise the samples lie one
    // after another, once for each view, and pass p takes view p mod views.
    bool side_by_side = true;
    uint64_t seed = 0;
  };
  explicit RowOrder(Options options);

  // The rows of the next step's micro-batches of `micro_batch` each. UsageError if a view holds fewer rows than a step.
  std::vector<std::vector<int64_t>> next(int64_t micro_batches, int64_t micro_batch);

  nlohmann::json state() const;
  // Error where the store has changed, or `state` is not of this kind.
  void restore(const nlohmann::json& state);

 private:
  void shuffle();

  Options options_;
  int64_t pass_ = 0, position_ = 0;  // position_: in order_
  std::vector<int64_t> order_;
};

}  // namespace cambium::train
