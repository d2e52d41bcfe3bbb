#include "data/loader.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "core/log.h"

namespace cambium::data {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr int64_t kSnapshotInterval = 256;  // tickets; replaying so many costs no picture

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Depends on the sample and its pass alone: not on threads, and not on which rank draws it.
Rng sample_rng(uint64_t seed, const Ticket& ticket) {
  seed = mix_seed(seed, "pass", static_cast<uint64_t>(ticket.pass));
  seed = mix_seed(seed, "shard", static_cast<uint64_t>(ticket.shard));
  return Rng(mix_seed(seed, "sample", static_cast<uint64_t>(ticket.offset)));
}

// What a saved position must agree on with the loader that takes it up.
Json identity(const StreamOptions& stream) {
  return {{"seed", stream.seed},
          {"rank", stream.rank},
          {"world", stream.world},
          {"shuffle", stream.shuffle},
          {"shuffle_buffer", stream.shuffle_buffer},
          {"replay_order", stream.replay_order}};
}

}  // namespace

void LoaderOptions::validate() const {
  stream.validate();
  if (batch_size < 1)
    throw UsageError({.what = "must be at least 1", .field = "batch_size", .mend = "give a positive number"});
  if (threads < 0 || threads > 1024)
    throw UsageError({.what = "must be 0 to 1024", .field = "threads", .mend = "one or two a core is enough"});
  if (prefetch < 0)
    throw UsageError({.what = "must not be negative", .field = "prefetch", .mend = "0 chooses by batch and threads"});
  if (max_bad_run < 1) throw UsageError({.what = "must be at least 1", .field = "max_bad_run", .mend = "256 is usual"});
}

class LoaderBase::Impl {
 public:
  Impl(std::shared_ptr<const Dataset> dataset, ErasedMapper mapper, LoaderOptions options)
      : dataset_(std::move(dataset)), mapper_(std::move(mapper)), options_(std::move(options)) {
    options_.validate();
    capacity_ = options_.threads == 0   ? 1
                : options_.prefetch > 0 ? options_.prefetch
                                        : std::max(options_.batch_size, 16 * options_.threads);
    slots_.resize(static_cast<size_t>(capacity_));
    rewind(dataset_->cursor(options_.stream), {});
  }

  ~Impl() { stop(); }

  std::vector<Erased> next() {
    if (failure_) std::rethrow_exception(failure_);
    if (window_start_ == Clock::time_point{}) window_start_ = Clock::now();
    start();
    std::vector<Erased> batch;
    batch.reserve(static_cast<size_t>(options_.batch_size));
    Position position = committed_;
    try {
      while (static_cast<int64_t>(batch.size()) < options_.batch_size) {
        Slot slot = take();
        if (slot.end) break;
        ++position.tickets;
        if (!slot.item) {
          skip(slot, position);
          continue;
        }
        bad_run_ = 0;
        ++position.samples;
        position.pass = slot.ticket.pass;
        batch.push_back(std::move(slot.item));
      }
    } catch (...) {
      failure_ = std::current_exception();
      stop();
      throw;
    }
    const bool partial = static_cast<int64_t>(batch.size()) < options_.batch_size;
    if (partial && options_.drop_last) batch.clear();
    if (batch.empty() && position.samples == 0 && position.skipped > 0) {
      throw Error({.what = "none of the " + std::to_string(position.skipped) + " samples could be used",
                   .field = "dataset",
                   .mend = "see the warnings above for the reasons"});
    }
    window_.samples += static_cast<int64_t>(batch.size());
    commit(position);
    return batch;
  }

  Json state() const {
    const std::lock_guard lock(mutex_);
    const Snapshot& snapshot = snapshots_.front();  // commit() keeps the newest that is not ahead at the front
    Json state = identity(options_.stream);
    state["format"] = 1;
    state["dataset"] = dataset_->fingerprint();
    state["samples"] = committed_.samples;
    state["skipped"] = committed_.skipped;
    state["pass"] = committed_.pass;
    state["cursor"] = snapshot.cursor->state();
    state["replay"] = committed_.tickets - snapshot.ticket;
    return state;
  }

  void restore(const Json& state) {
    const auto fail = [](std::string what, std::string field, std::string mend) {
      throw Error({.what = std::move(what), .field = "data position: " + std::move(field), .mend = std::move(mend)});
    };
    try {
      if (state.at("format") != 1)
        fail("was written by another version", "format", "resume with the version that wrote it");
      const Json ours = identity(options_.stream);
      for (const auto& [key, value] : ours.items()) {
        if (state.at(key) != value)
          fail("was saved with " + state.at(key).dump() + ", not " + value.dump(), key, "resume as the run began");
      }
      if (state.at("dataset") != dataset_->fingerprint()) {
        fail("the data are not those the run began with", "dataset",
             "restore the files, or begin a new run from the checkpoint's weights");
      }
      const int64_t replay = state.at("replay");
      Position position{.samples = state.at("samples"), .skipped = state.at("skipped"), .pass = state.at("pass")};
      if (replay < 0 || replay > kSnapshotInterval || position.samples < 0 || position.skipped < 0)
        fail("is out of range", "replay", "use another checkpoint");
      std::unique_ptr<Cursor> cursor = dataset_->cursor(options_.stream);
      cursor->restore(state.at("cursor"));
      for (int64_t i = 0; i < replay; ++i) cursor->next();
      stop();
      rewind(std::move(cursor), position);
    } catch (const Json::exception& error) {
      fail(std::string("cannot be read: ") + error.what(), "json", "use another checkpoint");
    }
  }

  const auto& committed() const { return committed_; }

  LoaderStats take_stats() {
    const Clock::time_point now = Clock::now();
    LoaderStats stats = window_;
    stats.total_seconds = window_start_ == Clock::time_point{} ? 0 : seconds(now - window_start_);
    window_ = {};
    window_start_ = now;
    return stats;
  }

 private:
  // One ticket on its way: issued, worked on, taken.
  struct Slot {
    bool ready = false, end = false;
    Ticket ticket = {};
    Erased item = {};            // null: bad or failed
    std::string complaint = {};  // of a bad sample
    std::exception_ptr failure = {};
  };
  // A copy of the cursor as it was before it gave this ticket.
  struct Snapshot {
    int64_t ticket;
    std::unique_ptr<Cursor> cursor;
  };
  // After the last batch handed out. Tickets count from the last rewind.
  struct Position {
    int64_t tickets = 0, samples = 0, skipped = 0, pass = 0;
  };

  void rewind(std::unique_ptr<Cursor> cursor, Position position) {
    for (Slot& slot : slots_) slot = {};
    cursor_ = std::move(cursor);
    snapshots_.clear();
    snapshots_.push_back({0, cursor_->clone()});
    issued_ = taken_ = 0;
    ended_ = stopping_ = false;
    failure_ = nullptr;
    bad_run_ = 0;
    committed_ = position;
  }

  void start() {
    if (!threads_.empty()) return;
    for (int64_t i = 0; i < options_.threads; ++i) {
      threads_.emplace_back([this] {
        while (work()) {
        }
      });
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  Slot& slot_of(int64_t ticket) { return slots_[static_cast<size_t>(ticket % capacity_)]; }

  // Issues one ticket and makes its item; false when the loader stops.
  bool work() {
    int64_t number = 0;
    Slot made;
    {
      // Whoever holds issue_ moves the cursor, so tickets come in order; the consumer is not held up meanwhile.
      const std::lock_guard issue(issue_);
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return stopping_ || (!ended_ && issued_ < taken_ + capacity_); });
        if (stopping_) return false;
        number = issued_;
      }
      if (number > 0 && number % kSnapshotInterval == 0) {
        Snapshot snapshot{number, cursor_->clone()};
        const std::lock_guard lock(mutex_);
        snapshots_.push_back(std::move(snapshot));
      }
      try {
        const std::optional<Ticket> ticket = cursor_->next();
        made.end = !ticket;
        if (ticket) made.ticket = *ticket;
      } catch (...) {
        made.failure = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      ++issued_;
      ended_ = made.end || made.failure;
    }
    if (!made.end && !made.failure) make(made);
    {
      const std::lock_guard lock(mutex_);
      made.ready = true;
      slot_of(number) = std::move(made);
    }
    ready_.notify_one();
    return true;
  }

  void make(Slot& slot) const {
    try {
      Rng rng = sample_rng(options_.stream.seed, slot.ticket);
      slot.item = mapper_(dataset_->fetch(slot.ticket), rng);
    } catch (const UsageError&) {
      slot.failure = std::current_exception();
    } catch (const Error& error) {
      slot.complaint = error.what();
      if (!options_.skip_bad) slot.failure = std::current_exception();
    } catch (...) {
      slot.failure = std::current_exception();
    }
  }

  // The next slot in order; waits for it. Throws what its worker threw.
  Slot take() {
    const Clock::time_point from = Clock::now();
    if (options_.threads == 0 && !slot_of(taken_).ready) work();
    std::unique_lock lock(mutex_);
    Slot& place = slot_of(taken_);
    ready_.wait(lock, [&] { return place.ready; });
    window_.wait_seconds += seconds(Clock::now() - from);
    if (place.failure) std::rethrow_exception(place.failure);
    if (place.end) return {.end = true};  // stays, for the next call
    Slot slot = std::move(place);
    place = {};
    ++taken_;
    lock.unlock();
    room_.notify_one();
    return slot;
  }

  void skip(const Slot& slot, Position& position) {
    const int64_t count = ++position.skipped;
    ++window_.skipped;
    if (++bad_run_ >= options_.max_bad_run) {
      throw Error(
          {.what = std::to_string(bad_run_) + " samples in a row could not be used; the last: " + slot.complaint,
           .field = "dataset",
           .mend = "check the data and the recipe's names of fields"});
    }
    // All of the first few, then ever fewer.
    if (count <= 10 || (count & (count - 1)) == 0) {
      log::warn("sample skipped (" + std::to_string(count) + " so far): " + slot.complaint);
    }
  }

  void commit(const Position& position) {
    const std::lock_guard lock(mutex_);
    committed_ = position;
    while (snapshots_.size() > 1 && snapshots_[1].ticket <= committed_.tickets) snapshots_.pop_front();
  }

  std::shared_ptr<const Dataset> dataset_;
  ErasedMapper mapper_;
  LoaderOptions options_;
  int64_t capacity_ = 1;

  std::mutex issue_;  // the cursor
  std::unique_ptr<Cursor> cursor_;

  mutable std::mutex mutex_;  // everything down to snapshots_
  std::condition_variable room_, ready_;
  std::vector<Slot> slots_;  // ring: ticket number n lies in slot n mod capacity
  int64_t issued_ = 0, taken_ = 0;
  bool ended_ = false, stopping_ = false;
  std::deque<Snapshot> snapshots_;

  std::vector<std::thread> threads_;  // the rest is the consumer's alone
  Position committed_;
  std::exception_ptr failure_;
  int64_t bad_run_ = 0;
  LoaderStats window_;
  Clock::time_point window_start_;
};

LoaderBase::LoaderBase(std::shared_ptr<const Dataset> dataset, ErasedMapper mapper, LoaderOptions options)
    : impl_(std::make_unique<Impl>(std::move(dataset), std::move(mapper), std::move(options))) {}
LoaderBase::~LoaderBase() = default;

std::vector<LoaderBase::Erased> LoaderBase::next_erased() { return impl_->next(); }
Json LoaderBase::state() const { return impl_->state(); }
void LoaderBase::restore(const Json& state) { impl_->restore(state); }
int64_t LoaderBase::pass() const { return impl_->committed().pass; }
int64_t LoaderBase::samples() const { return impl_->committed().samples; }
LoaderStats LoaderBase::take_stats() { return impl_->take_stats(); }

}  // namespace cambium::data
