#include "data/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "data/shards.h"
#include "numbered_shards.h"
#include "support/temporary_directory.h"

namespace cambium::data {
namespace {

using Json = nlohmann::json;
using Items = std::vector<std::string>;

class Numbers : public IndexedDataset {
 public:
  explicit Numbers(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  Sample get(int64_t index) const override { return {.index = index, .key = std::to_string(index)}; }
  std::string fingerprint() const override { return "numbers " + std::to_string(size_); }

 private:
  int64_t size_;
};

// The item tells sample and draw apart; some samples take longer than others, so that threads finish out of order.
std::string map(Sample&& sample, Rng& rng) {
  const uint64_t draw = rng.next();
  if (draw % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  return sample.key + " " + std::to_string(draw);
}

// Every seventh sample is bad.
std::string picky(Sample&& sample, Rng& rng) {
  if (std::hash<std::string>{}(sample.key) % 7 == 0) throw Error({.what = "bad picture", .file = sample.source});
  return map(std::move(sample), rng);
}

Items take(Loader<std::string>& loader, int64_t batches) {
  Items items;
  for (int64_t i = 0; i < batches; ++i) {
    auto batch = loader.next();
    if (!batch) break;
    items.insert(items.end(), batch->begin(), batch->end());
  }
  return items;
}

// 5 shards of 20 to 24 samples, a buffer of 30: small enough that passes and buffer drains are met often.
class Streams : public testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::off);
    test::write_shards(folder_.path(), 5, 20);
    shards_ = std::make_shared<ImageTextShards>(std::vector<std::string>{(folder_.path() / "*.tar").string()});
  }
  void TearDown() override { log::set_level(log::Level::info); }

  LoaderOptions options(int64_t threads, int64_t batch = 8) const {
    return {.stream = {.seed = 3, .shuffle_buffer = 30}, .batch_size = batch, .threads = threads, .prefetch = 12};
  }

  cambium::test::TemporaryDirectory folder_;
  std::shared_ptr<const Dataset> shards_;
  std::shared_ptr<const Dataset> numbers_ = std::make_shared<Numbers>(37);
};

TEST_F(Streams, TheNumberOfThreadsDoesNotMatter) {
  for (const auto& dataset : {shards_, numbers_}) {
    Loader<std::string> alone(dataset, picky, options(0));
    const Items expected = take(alone, 60);
    ASSERT_EQ(expected.size(), 480u);
    for (const int64_t threads : {1, 2, 5}) {
      Loader<std::string> loader(dataset, picky, options(threads));
      EXPECT_EQ(take(loader, 60), expected) << threads;
    }
  }
}

TEST_F(Streams, RestoredAnywhereTheSequenceGoesOn) {
  // A pass of the shards has 110 samples, of which some are bad: 60 batches of 8 cross several passes.
  for (const auto& dataset : {shards_, numbers_}) {
    Loader<std::string> whole(dataset, picky, options(2));
    const Items expected = take(whole, 60);
    Loader<std::string> first(dataset, picky, options(2));
    for (size_t batches = 0; batches < 55; ++batches) {
      // As in a checkpoint: through text, into a new process.
      const std::string saved = first.state().dump();
      Loader<std::string> second(dataset, picky, options(static_cast<int64_t>(batches % 3)));
      second.restore(Json::parse(saved));
      EXPECT_EQ(second.samples(), static_cast<int64_t>(8 * batches));
      EXPECT_EQ(take(second, 5), Items(expected.begin() + static_cast<int64_t>(8 * batches),
                                       expected.begin() + static_cast<int64_t>(8 * (batches + 5))))
          << batches;
      EXPECT_EQ(take(first, 1).size(), 8u);
    }
  }
}

TEST_F(Streams, RestoredBeyondManySnapshotsAndByAnotherBatchSize) {
  Loader<std::string> whole(shards_, map, options(2));
  const Items expected = take(whole, 260);
  Loader<std::string> first(shards_, map, options(1));
  take(first, 170);
  Loader<std::string> second(shards_, map, options(1, 16));
  second.restore(first.state());
  const Items rest = take(second, 45);
  EXPECT_EQ(rest, Items(expected.begin() + 170 * 8, expected.end()));
  EXPECT_EQ(second.samples(), 260 * 8);
  // A restored loader saves a position as good as the first.
  Loader<std::string> third(shards_, map, options(0)), fourth(shards_, map, options(1));
  third.restore(first.state());
  take(third, 33);
  fourth.restore(third.state());
  EXPECT_EQ(take(fourth, 57), Items(expected.begin() + 203 * 8, expected.end()));
}

TEST_F(Streams, ARunningLoaderCanGoBack) {
  Loader<std::string> loader(shards_, map, options(3));
  take(loader, 3);
  const Json saved = loader.state();
  const Items expected = take(loader, 20);
  loader.restore(saved);
  EXPECT_EQ(take(loader, 20), expected);
}

TEST_F(Streams, EveryPassIsCompleteAndHasAnOrderOfItsOwn) {
  for (const bool replay : {false, true}) {
    LoaderOptions once = options(2, 110);
    once.stream.replay_order = replay;
    Loader<std::string> loader(shards_, [](Sample&& sample, Rng&) { return sample.key; }, once);
    const Items first = take(loader, 1), second = take(loader, 1);
    EXPECT_EQ(loader.pass(), 1);
    EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), 110u);
    EXPECT_EQ(std::set<std::string>(first.begin(), first.end()), std::set<std::string>(second.begin(), second.end()));
    EXPECT_EQ(first == second, replay);
  }
}

TEST_F(Streams, DrawsDifferFromPassToPass) {
  LoaderOptions once = options(1, 110);
  once.stream.replay_order = true;
  Loader<std::string> loader(shards_, map, once);
  const Items first = take(loader, 1), second = take(loader, 1);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_NE(first[i], second[i]);
}

TEST_F(Streams, RanksAreDisjointAndTogetherComplete) {
  for (const auto& dataset : {shards_, numbers_}) {
    std::multiset<std::string> seen;
    for (int64_t rank = 0; rank < 3; ++rank) {
      LoaderOptions part = options(2);
      part.stream.rank = rank;
      part.stream.world = 3;
      part.stream.passes = 1;
      Loader<std::string> loader(dataset, [](Sample&& sample, Rng&) { return sample.key; }, part);
      for (const std::string& key : take(loader, 1000)) seen.insert(key);
    }
    const size_t total = dataset == shards_ ? 110 : 37;
    EXPECT_EQ(seen.size(), total);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), total);
  }
}

TEST_F(Streams, RanksOfAnIndexedDatasetMakeTheSingleProcessesBatches) {
  Loader<std::string> alone(numbers_, map, options(1, 12));
  LoaderOptions half = options(1, 6);
  half.stream.world = 2;
  Loader<std::string> first(numbers_, map, half);
  half.stream.rank = 1;
  Loader<std::string> second(numbers_, map, half);
  for (int step = 0; step < 10; ++step) {
    const Items whole = take(alone, 1);
    Items both = take(first, 1);
    const Items other = take(second, 1);
    both.insert(both.end(), other.begin(), other.end());
    EXPECT_EQ(std::set<std::string>(both.begin(), both.end()), std::set<std::string>(whole.begin(), whole.end()))
        << step;
  }
}

TEST_F(Streams, FiniteInOrderForEvaluation) {
  LoaderOptions once{.stream = {.passes = 1, .shuffle = false}, .batch_size = 10, .threads = 3};
  Loader<std::string> loader(numbers_, [](Sample&& sample, Rng&) { return sample.key; }, once);
  Items all;
  std::vector<size_t> sizes;
  while (auto batch = loader.next()) {
    sizes.push_back(batch->size());
    all.insert(all.end(), batch->begin(), batch->end());
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{10, 10, 10, 7}));
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], std::to_string(i));
  EXPECT_FALSE(loader.next());
  once.drop_last = true;
  for (const int64_t threads : {0, 2}) {
    once.threads = threads;
    Loader<std::string> whole(numbers_, map, once);
    EXPECT_EQ(take(whole, 100).size(), 30u);
    EXPECT_FALSE(whole.next());
  }
}

TEST_F(Streams, BadSamplesAreCountedAndSkipped) {
  Loader<std::string> loader(numbers_, picky, options(2));
  take(loader, 20);
  const LoaderStats stats = loader.take_stats();
  EXPECT_EQ(stats.samples, 160);
  EXPECT_GT(stats.skipped, 0);
  EXPECT_EQ(loader.take_stats().skipped, 0);

  LoaderOptions strict = options(2);
  strict.skip_bad = false;
  Loader<std::string> careful(numbers_, picky, strict);
  EXPECT_THROW(take(careful, 20), Error);
}

TEST_F(Streams, NothingUsableIsAnErrorNotAnEndlessSearch) {
  const auto bad = [](Sample&& sample, Rng&) -> std::string {
    throw Error({.what = "no picture", .file = sample.key});
  };
  for (const int64_t threads : {0, 2}) {
    Loader<std::string> endless(numbers_, bad, options(threads));
    try {
      endless.next();
      FAIL() << "no exception";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("256 samples in a row could not be used; the last: "), std::string::npos)
          << error.what();
    }
    LoaderOptions once = options(threads);
    once.stream.passes = 1;
    Loader<std::string> finite(numbers_, bad, once);
    EXPECT_THROW(finite.next(), Error);
  }
}

TEST_F(Streams, OtherExceptionsSurfaceInTheConsumerInTheirPlace) {
  const auto map = [](Sample&& sample, Rng&) -> std::string {
    if (sample.index == 21) throw std::logic_error("a bug");
    if (sample.index == 29) throw UsageError({.what = "unknown filter"});
    return sample.key;
  };
  LoaderOptions once{.stream = {.passes = 1, .shuffle = false}, .batch_size = 10};
  for (const int64_t threads : {0, 1, 4}) {
    once.threads = threads;
    Loader<std::string> loader(numbers_, map, once);
    EXPECT_TRUE(loader.next());
    EXPECT_TRUE(loader.next());
    const Json before = loader.state();
    EXPECT_THROW(loader.next(), std::logic_error);
    EXPECT_THROW(loader.next(), std::logic_error);
    // The position is still the last whole batch's.
    EXPECT_EQ(loader.state(), before);
  }
  const auto usage = [](Sample&&, Rng&) -> std::string { throw UsageError({.what = "unknown filter"}); };
  Loader<std::string> loader(numbers_, usage, once);
  EXPECT_THROW(loader.next(), UsageError);
}

TEST_F(Streams, NoMoreThanPrefetchItemsAreMadeAhead) {
  struct Counted {
    explicit Counted(std::atomic<int64_t>& alive) : alive(&alive) { ++alive; }
    Counted(Counted&& other) noexcept : alive(std::exchange(other.alive, nullptr)) {}
    ~Counted() {
      if (alive) --*alive;
    }
    std::atomic<int64_t>* alive;
  };
  std::atomic<int64_t> alive = 0, made = 0;
  LoaderOptions bounded = options(3);
  bounded.batch_size = 4;
  bounded.prefetch = 10;
  {
    Loader<Counted> loader(
        numbers_,
        [&](Sample&&, Rng&) {
          ++made;
          return Counted(alive);
        },
        bounded);
    for (int64_t step = 1; step <= 20; ++step) {
      const auto batch = loader.next();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      EXPECT_LE(alive, 4 + 10);
      EXPECT_LE(made, 4 * step + 10);
    }
    // And they are made: the workers fill the room up.
    for (int i = 0; i < 2000 && made < 20 * 4 + 10; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(made, 20 * 4 + 10);
  }
  EXPECT_EQ(alive, 0);
}

TEST_F(Streams, WaitingIsMeasured) {
  const auto slow = [](Sample&& sample, Rng&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return sample.key;
  };
  LoaderOptions few = options(1, 4);
  few.prefetch = 64;
  Loader<std::string> starved(numbers_, slow, few);
  take(starved, 5);
  EXPECT_GT(starved.take_stats().wait_fraction(), 0.5);
  Loader<std::string> fed(numbers_, [](Sample&& sample, Rng&) { return sample.key; }, few);
  take(fed, 1);
  fed.take_stats();
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    take(fed, 1);
  }
  EXPECT_LT(fed.take_stats().wait_fraction(), 0.3);
}

TEST_F(Streams, AForeignPositionIsRefusedInOneSentence) {
  const auto complaint = [&](const std::shared_ptr<const Dataset>& dataset, LoaderOptions with,
                             const Json& state) -> std::string {
    Loader<std::string> loader(dataset, map, with);
    try {
      loader.restore(state);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  Loader<std::string> loader(shards_, map, options(1));
  take(loader, 3);
  const Json state = loader.state();
  EXPECT_EQ(complaint(shards_, options(1), state), "");

  LoaderOptions ranks = options(1);
  ranks.stream.world = 2;
  EXPECT_NE(complaint(shards_, ranks, state).find("world: was saved with 1, not 2"), std::string::npos);
  LoaderOptions seed = options(1);
  seed.stream.seed = 4;
  EXPECT_NE(complaint(shards_, seed, state).find("seed: was saved with 3, not 4"), std::string::npos);
  EXPECT_NE(complaint(numbers_, options(1), state).find("the data are not those"), std::string::npos);
  EXPECT_NE(complaint(std::make_shared<Numbers>(36), options(1), Loader<std::string>(numbers_, map, options(1)).state())
                .find("the data are not those"),
            std::string::npos);

  for (const auto& [key, value] : state.items()) {
    Json broken = state;
    broken.erase(key);
    EXPECT_NE(complaint(shards_, options(1), broken), "") << key;
    broken[key] = Json::array();
    EXPECT_NE(complaint(shards_, options(1), broken), "") << key;
  }
  for (const auto& [key, value] : state["cursor"].items()) {
    Json broken = state;
    broken["cursor"].erase(key);
    EXPECT_NE(complaint(shards_, options(1), broken), "") << key;
  }
  for (const char* buffer : {"9:0", "0:-1", "-1:0", "0;0", "x", "0:0 1"}) {
    Json broken = state;
    broken["cursor"]["buffer"] = buffer;
    EXPECT_NE(complaint(shards_, options(1), broken), "") << buffer;
  }
  EXPECT_NE(complaint(shards_, options(1), Json("text")), "");
  EXPECT_NE(complaint(shards_, options(1), Json()), "");
}

TEST_F(Streams, ARefusedPositionLeavesTheLoaderAsItWas) {
  Loader<std::string> loader(numbers_, map, options(2)), other(numbers_, map, options(2));
  take(loader, 2);
  take(other, 2);
  EXPECT_THROW(loader.restore(Json::object()), Error);
  EXPECT_EQ(take(loader, 3), take(other, 3));
}

TEST_F(Streams, OptionsAreChecked) {
  const auto make = [&](LoaderOptions with) { Loader<std::string> loader(numbers_, map, with); };
  EXPECT_THROW(make({.batch_size = 0}), UsageError);
  EXPECT_THROW(make({.threads = -1}), UsageError);
  EXPECT_THROW(make({.prefetch = -1}), UsageError);
  EXPECT_THROW(make({.max_bad_run = 0}), UsageError);
  EXPECT_THROW(make({.stream = {.rank = 1, .world = 1}}), UsageError);
  EXPECT_THROW(make({.stream = {.passes = -1}}), UsageError);
  EXPECT_THROW(make({.stream = {.shuffle_buffer = 0}}), UsageError);
  EXPECT_THROW(Loader<std::string>(std::make_shared<Numbers>(0), map, {}), Error);
}

}  // namespace
}  // namespace cambium::data
