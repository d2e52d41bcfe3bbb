#include "train/feature_store.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "io/safetensors.h"

namespace cambium::train {
namespace fs = std::filesystem;
namespace {

fs::path part_file(const fs::path& folder, size_t index) {
  std::string number = std::to_string(index);
  number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
  return folder / ("part_" + number + ".safetensors");
}

int64_t rows_of(const io::NamedTensors& tensors) { return tensors.empty() ? 0 : tensors.front().second.size(0); }

// Several batches as one: each tensor of the first, with the others' of the same place behind it.
io::NamedTensors joined(const std::vector<io::NamedTensors>& batches) {
  io::NamedTensors out;
  for (size_t i = 0; i < batches.front().size(); ++i) {
    std::vector<at::Tensor> tensors;
    for (const auto& batch : batches) tensors.push_back(batch[i].second);
    out.emplace_back(batches.front()[i].first, at::cat(tensors).contiguous());
  }
  return out;
}

[[noreturn]] void damaged(const std::string& source) {
  throw Error({.what = "holds no features", .file = source, .mend = "remove the folder, then they are computed again"});
}

void check_part(const io::StateDict& part, const io::NamedTensors* like) {
  if (part.tensors.empty()) damaged(part.source);
  for (size_t i = 0; i < part.tensors.size(); ++i) {
    const at::Tensor& t = part.tensors[i].second;
    if (t.dim() < 1 || t.size(0) != rows_of(part.tensors)) damaged(part.source);
    if (!like) continue;
    const bool same = i < like->size() && (*like)[i].first == part.tensors[i].first &&
                      (*like)[i].second.sizes().slice(1) == t.sizes().slice(1) &&
                      (*like)[i].second.scalar_type() == t.scalar_type();
    if (!same || like->size() != part.tensors.size()) damaged(part.source);
  }
}

}  // namespace

void FeatureStore::add(io::NamedTensors tensors) {
  const int64_t rows = rows_of(tensors);
  parts_.push_back({.begin = size_, .tensors = std::move(tensors)});
  size_ += rows;
}

// Takes over the parts in the folder. The position behind them, if there are any.
std::optional<nlohmann::json> FeatureStore::open(const Options& options, bool& complete) {
  std::optional<nlohmann::json> position;
  for (size_t i = 0; fs::exists(part_file(options.folder, i)); ++i) {
    io::StateDict part = io::read_safetensors(part_file(options.folder, i));
    const auto own = part.metadata.find("key"), behind = part.metadata.find("position");
    if (own == part.metadata.end() || behind == part.metadata.end() || own->second != options.key) {
      log::warn(options.folder.string() +
                ": holds the features of other weights, data or settings; they are computed again");
      fs::remove_all(options.folder);
      parts_.clear();
      size_ = 0;
      return std::nullopt;
    }
    check_part(part, parts_.empty() ? nullptr : &parts_.front().tensors);
    add(std::move(part.tensors));
    position = nlohmann::json::parse(behind->second, nullptr, /*allow_exceptions=*/false);
    if (position->is_discarded()) damaged(part.source);
  }
  complete = position && fs::exists(options.folder / "complete.json");
  return position;
}

std::shared_ptr<const FeatureStore> FeatureStore::make(const Source& source, const Options& options) {
  auto store = std::make_shared<FeatureStore>();
  if (!options.folder.empty()) {
    bool complete = false;
    const auto position = store->open(options, complete);
    if (complete) return store;
    if (position) source.restore(*position);
  }
  Progress progress(options.label, options.total, options.unit, store->size());
  for (bool more = true; more;) {
    std::vector<io::NamedTensors> batches;
    int64_t rows = 0, bytes = 0;
    while (bytes < options.part_bytes) {
      interrupt::check();
      auto batch = source.next();
      more = batch.has_value();
      if (!more) break;
      rows += rows_of(*batch);
      bytes += io::count_bytes(*batch);
      batches.push_back(std::move(*batch));
      progress.update(store->size() + rows);
    }
    if (rows == 0) break;
    io::NamedTensors part = joined(batches);
    batches.clear();
    if (!options.folder.empty()) {
      const fs::path file = part_file(options.folder, store->parts_.size());
      io::write_safetensors(
          file, part, {{"format", "cambium.features"}, {"key", options.key}, {"position", source.position().dump()}});
      part = io::read_safetensors(file).tensors;  // mapped: memory holds what a step reads
    }
    store->add(std::move(part));
  }
  progress.finish();
  if (store->size() == 0) throw Error({.what = "the data hold no sample that can be read", .field = "data"});
  if (!options.folder.empty()) {
    write_file(options.folder / "complete.json",
               nlohmann::json({{"rows", store->size()}, {"key", options.key}}).dump(2) + "\n");
  }
  return store;
}

std::shared_ptr<const FeatureStore> FeatureStore::rehearse(const Source& source, int64_t rows) {
  const auto batch = source.next();
  if (!batch || rows_of(*batch) == 0)
    throw Error({.what = "the data hold no sample that can be read", .field = "data"});
  auto store = std::make_shared<FeatureStore>();
  while (store->size() < rows) store->add(*batch);
  return store;
}

int64_t FeatureStore::row_bytes() const {
  return io::count_bytes(parts_.front().tensors) / std::max<int64_t>(1, rows_of(parts_.front().tensors));
}

at::Tensor FeatureStore::gather(size_t tensor, const std::vector<int64_t>& rows) const {
  const at::Tensor& first = parts_.front().tensors[tensor].second;
  std::vector<int64_t> shape = first.sizes().vec();
  shape[0] = static_cast<int64_t>(rows.size());
  at::Tensor out = at::empty(shape, first.options());
  const size_t bytes = rows.empty() ? 0 : out.nbytes() / rows.size();
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  for (const int64_t row : rows) {
    // The last part that begins at or before the row.
    const auto behind =
        std::upper_bound(parts_.begin(), parts_.end(), row, [](int64_t r, const Part& part) { return r < part.begin; });
    const Part& part = *std::prev(behind);
    const auto* from = static_cast<const char*>(part.tensors[tensor].second.const_data_ptr());
    std::memcpy(to, from + static_cast<size_t>(row - part.begin) * bytes, bytes);
    to += bytes;
  }
  return out;
}

io::NamedTensors FeatureStore::rows(const std::vector<int64_t>& rows) const {
  io::NamedTensors out;
  const io::NamedTensors& first = parts_.front().tensors;
  for (size_t t = 0; t < first.size(); ++t) out.emplace_back(first[t].first, gather(t, rows));
  return out;
}

at::Tensor FeatureStore::column(std::string_view name, const std::vector<int64_t>& rows) const {
  const io::NamedTensors& first = parts_.front().tensors;
  for (size_t t = 0; t < first.size(); ++t) {
    if (first[t].first == name) return gather(t, rows);
  }
  throw Error({.what = "the cached features have none of that name",
               .field = std::string(name),
               .mend = "remove their folder, then they are computed again"});
}

RowOrder::RowOrder(Options options) : options_(options) { shuffle(); }

void RowOrder::shuffle() {
  const int64_t rows = options_.rows / options_.views;
  order_.resize(static_cast<size_t>(rows));
  Rng rng(mix_seed(options_.seed, "cached rows", static_cast<uint64_t>(pass_)));
  for (int64_t i = 0; i < rows; ++i) order_[i] = i;
  rng.shuffle(order_);
  for (int64_t& row : order_) {
    row =
        options_.side_by_side ? row * options_.views + rng.below(options_.views) : pass_ % options_.views * rows + row;
  }
}

std::vector<std::vector<int64_t>> RowOrder::next(int64_t micro_batches, int64_t micro_batch) {
  const int64_t step = micro_batches * micro_batch, rows = static_cast<int64_t>(order_.size());
  if (step > rows) {
    throw UsageError({.what = "a step takes " + std::to_string(step) + " samples of " + std::to_string(rows),
                      .field = "train.batch",
                      .mend = "choose a smaller batch"});
  }
  if (position_ + step > rows) {
    ++pass_;
    position_ = 0;
    shuffle();
  }
  std::vector<std::vector<int64_t>> out;
  auto at = order_.begin() + position_;
  for (int64_t i = 0; i < micro_batches; ++i, at += micro_batch) out.emplace_back(at, at + micro_batch);
  position_ += step;
  return out;
}

nlohmann::json RowOrder::state() const { return {{"rows", options_.rows}, {"pass", pass_}, {"position", position_}}; }

void RowOrder::restore(const nlohmann::json& state) {
  try {
    if (state.at("rows").get<int64_t>() != options_.rows) {
      throw Error({.what = "the data have changed since the run began", .field = "data", .mend = "begin another run"});
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

}  // namespace cambium::train
