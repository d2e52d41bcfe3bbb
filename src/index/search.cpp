#include "index/search.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <unordered_set>

#include "core/error.h"
#include "core/parallel.h"

namespace cambium::index {
namespace {

constexpr int64_t refined_beyond_k = 32;

struct Candidate {
  float score = 0;
  int64_t row = 0;
};

bool better(const Candidate& a, const Candidate& b) {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

// The best so far of one query: a heap with the worst on top.
class Best {
 public:
  explicit Best(int64_t capacity) : capacity_(static_cast<size_t>(capacity)) {}

  // What a score must exceed to enter. Rows come in rising order, so an equal score never displaces an earlier one.
  float threshold() const {
    return heap_.size() < capacity_ ? -std::numeric_limits<float>::infinity() : heap_.front().score;
  }

  void offer(Candidate candidate) {
    if (heap_.size() == capacity_) {
      if (!better(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.pop_back();
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), better);
  }

  const std::vector<Candidate>& items() const { return heap_; }

 private:
  size_t capacity_;
  std::vector<Candidate> heap_;
};

// sqrt(1/c + |x|^2) of each row.
at::Tensor time_of(const at::Tensor& x, double curvature) {
  return at::linalg_vector_norm(x, 2, 1).square_().add_(1 / curvature).sqrt_();
}

class Scan {
 public:
  Scan(const at::Tensor& rows, const at::Tensor& queries, const Space& space, const SearchOptions& options,
       std::span<const uint8_t> removed)
      : rows_(rows),
        queries_(queries.to(at::kFloat).contiguous()),
        space_(space),
        options_(options),
        removed_(removed),
        capacity_(std::min(options.k + refined_beyond_k, rows.size(0))),
        best_(static_cast<size_t>(queries.size(0)), Best(capacity_)) {
    if (space.kind == Space::Kind::lorentz)
      query_time_ = time_of(queries_.to(at::kDouble), space.curvature).to(at::kFloat);
  }

  const std::vector<Best>& run() {
    const int64_t blocks = (rows_.size(0) + options_.block_rows - 1) / options_.block_rows;
    parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
      std::vector<Best> mine(best_.size(), Best(capacity_));
      at::Tensor buffer = at::empty({options_.block_queries * options_.block_rows}, at::kFloat);
      for (int64_t block = begin; block < end; ++block) scan_block(block, buffer, mine);
      const std::lock_guard<std::mutex> lock(mutex_);
      for (size_t q = 0; q < mine.size(); ++q) {
        for (const Candidate& candidate : mine[q].items()) best_[q].offer(candidate);
      }
    });
    return best_;
  }

 private:
  void scan_block(int64_t block, at::Tensor& buffer, std::vector<Best>& best) const {
    const int64_t first = block * options_.block_rows;
    const int64_t count = std::min(options_.block_rows, rows_.size(0) - first);
    const at::Tensor part = rows_.narrow(0, first, count).to(at::kFloat);  // [R, D]
    at::Tensor time;
    if (query_time_.defined()) time = time_of(part, space_.curvature);  // [R]
    for (int64_t q = 0; q < queries_.size(0); q += options_.block_queries) {
      const int64_t width = std::min(options_.block_queries, queries_.size(0) - q);
      at::Tensor scores = buffer.narrow(0, 0, width * count).view({width, count});  // [Q, R]
      at::mm_out(scores, queries_.narrow(0, q, width), part.t());
      if (time.defined()) scores.addr_(query_time_.narrow(0, q, width), time, 1, -1);
      const at::Tensor highest = scores.amax(1);  // [Q]: most blocks hold nothing for most queries
      const auto* top = highest.const_data_ptr<float>();
      for (int64_t i = 0; i < width; ++i) {
        Best& mine = best[static_cast<size_t>(q + i)];
        if (top[i] <= mine.threshold()) continue;  // false for NaN, which hides nothing
        offer_row(scores.const_data_ptr<float>() + i * count, first, count, mine);
      }
    }
  }

  void offer_row(const float* scores, int64_t first, int64_t count, Best& best) const {
    float threshold = best.threshold();
    for (int64_t r = 0; r < count; ++r) {
      if (!(scores[r] > threshold)) continue;
      if (!removed_.empty() && removed_[static_cast<size_t>(first + r)] != 0) continue;
      best.offer({scores[r], first + r});
      threshold = best.threshold();
    }
  }

  const at::Tensor& rows_;
  at::Tensor queries_, query_time_;
  const Space& space_;
  const SearchOptions& options_;
  std::span<const uint8_t> removed_;
  int64_t capacity_;
  std::vector<Best> best_;
  std::mutex mutex_;
};

// In f64. For lorentz: -c <x, y> - 1 = c/2 (|x - y|^2 - (t_x - t_y)^2) =: u loses nothing between near points, and
// acosh(1 + u) = 2 asinh(sqrt(u / 2)).
Hit measure(const double* x, const double* y, int64_t dimensions, const Space& space, int64_t row) {
  if (space.kind == Space::Kind::dot) {
    double dot = 0;
    for (int64_t d = 0; d < dimensions; ++d) dot += x[d] * y[d];
    return {.row = row, .score = dot, .distance = 1 - dot};
  }
  double xx = 0, yy = 0, apart = 0;
  for (int64_t d = 0; d < dimensions; ++d) {
    xx += x[d] * x[d];
    yy += y[d] * y[d];
    apart += (x[d] - y[d]) * (x[d] - y[d]);
  }
  const double c = space.curvature;
  const double later = (xx - yy) / (std::sqrt(1 / c + xx) + std::sqrt(1 / c + yy));  // t_x - t_y
  const double u = std::max(0.0, 0.5 * c * (apart - later * later));
  return {.row = row, .score = -(1 + u) / c, .distance = 2 * std::asinh(std::sqrt(0.5 * u)) / std::sqrt(c)};
}

std::vector<Hit> refine(const Best& best, const at::Tensor& rows, const at::Tensor& query, const Space& space,
                        int64_t k) {
  std::vector<Hit> hits;
  const int64_t dimensions = rows.size(1);
  const auto* x = query.const_data_ptr<double>();
  for (const Candidate& candidate : best.items()) {
    const at::Tensor row = rows.select(0, candidate.row).to(at::kDouble);
    hits.push_back(measure(x, row.const_data_ptr<double>(), dimensions, space, candidate.row));
  }
  // By u rather than the score, whose f64 has no room left for near points far from the root.
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  });
  if (static_cast<int64_t>(hits.size()) > k) hits.resize(static_cast<size_t>(k));
  return hits;
}

void check(const at::Tensor& rows, const at::Tensor& queries, std::span<const uint8_t> removed) {
  const bool floating = rows.defined() && (rows.scalar_type() == at::kFloat || rows.scalar_type() == at::kBFloat16);
  if (!floating || rows.dim() != 2 || !rows.device().is_cpu()) {
    throw Error(
        {.what = "must be a float32 or bfloat16 matrix on the CPU", .field = "rows", .mend = "convert the embeddings"});
  }
  if (!queries.defined() || queries.dim() != 2 || queries.size(1) != rows.size(1)) {
    throw Error({.what = "do not have the index's " + std::to_string(rows.size(1)) + " dimensions",
                 .field = "queries",
                 .mend = "embed them with the model that made the index"});
  }
  if (!queries.isfinite().all().item<bool>()) {
    throw Error(
        {.what = "hold values that are not finite", .field = "queries", .mend = "check the model's outputs for NaN"});
  }
  if (!removed.empty() && removed.size() != static_cast<size_t>(rows.size(0))) {
    throw Error(
        {.what = "has " + std::to_string(removed.size()) + " marks for " + std::to_string(rows.size(0)) + " rows",
         .field = "removed",
         .mend = "give one per row"});
  }
}

}  // namespace

void Space::validate() const {
  if (kind == Kind::lorentz && !(curvature > 0 && std::isfinite(curvature))) {
    throw Error(
        {.what = "is not a positive number", .field = "curvature", .mend = "give c of the hyperboloid <x, x> = -1/c"});
  }
}

std::string to_string(Space::Kind kind) { return kind == Space::Kind::lorentz ? "lorentz" : "dot"; }

void SearchOptions::validate() const {
  if (k < 1) throw UsageError({.what = "is " + std::to_string(k), .field = "k", .mend = "ask for at least one result"});
  if (block_rows < 1 || block_queries < 1)
    throw UsageError(
        {.what = "must be at least 1", .field = "block_rows, block_queries", .mend = "leave the defaults"});
}

std::vector<std::vector<Hit>> search_rows(const at::Tensor& rows, const at::Tensor& queries, const Space& space,
                                          const SearchOptions& options, std::span<const uint8_t> removed) {
  space.validate();
  options.validate();
  check(rows, queries, removed);
  std::vector<std::vector<Hit>> results(static_cast<size_t>(queries.size(0)));
  if (rows.size(0) == 0 || results.empty()) return results;
  const at::Tensor on_cpu = queries.detach().cpu();
  Scan scan(rows, on_cpu, space, options, removed);
  const std::vector<Best>& best = scan.run();
  const at::Tensor exact = on_cpu.to(at::kDouble).contiguous();
  for (size_t q = 0; q < results.size(); ++q)
    results[q] = refine(best[q], rows, exact.select(0, static_cast<int64_t>(q)), space, options.k);
  return results;
}

std::vector<Level> search_levels(const at::Tensor& rows, const at::Tensor& points, const Space& space,
                                 const SearchOptions& options, std::span<const uint8_t> removed) {
  const auto found = search_rows(rows, points, space, options, removed);
  std::unordered_set<int64_t> seen;
  std::vector<Level> result;
  for (size_t step = 0; step < found.size(); ++step) {
    Level level{.step = static_cast<int64_t>(step), .hits = {}};
    for (const Hit& hit : found[step]) {
      if (seen.insert(hit.row).second) level.hits.push_back(hit);
    }
    if (!level.hits.empty()) result.push_back(std::move(level));
  }
  return result;
}

}  // namespace cambium::index
