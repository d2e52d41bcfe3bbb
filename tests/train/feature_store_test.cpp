#include "train/feature_store.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::train {
namespace {

// Ten rows in batches of two: row i holds i, and 2 i in bfloat16.
struct Numbers {
  int64_t next = 0, made = 0;

  FeatureStore::Source source() {
    return {.next = [this]() -> std::optional<io::NamedTensors> {
              if (next == 10) return std::nullopt;
              const at::Tensor row = at::arange(next, next + 2, at::kFloat).unsqueeze(1);
              next += 2;
              ++made;
              return io::NamedTensors{{"a", row.expand({2, 3}).contiguous()}, {"b", (2 * row).to(at::kBFloat16)}};
            },
            .position = [this] { return nlohmann::json(next); },
            .restore = [this](const nlohmann::json& position) { next = position.get<int64_t>(); }};
  }
};

void expect_rows(const FeatureStore& store) {
  ASSERT_EQ(store.size(), 10);
  const io::NamedTensors rows = store.rows({7, 0, 9});
  EXPECT_EQ(rows[0].first, "a");
  EXPECT_TRUE(at::equal(rows[0].second, at::tensor({7.f, 0.f, 9.f}).unsqueeze(1).expand({3, 3})));
  EXPECT_TRUE(at::equal(rows[1].second, at::tensor({14.f, 0.f, 18.f}).unsqueeze(1).to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(store.column("b", {7, 0, 9}), rows[1].second));
  EXPECT_EQ(store.row_bytes(), 14);
}

TEST(FeatureStore, HoldsRowsInMemoryAndOnDisk) {
  Numbers numbers;
  expect_rows(*FeatureStore::make(numbers.source(), {}));
  const test::TemporaryDirectory directory;
  Numbers once;
  expect_rows(
      *FeatureStore::make(once.source(), {.folder = directory.path() / "features", .key = "k", .part_bytes = 50}));
  // A second time nothing is computed.
  Numbers again;
  expect_rows(*FeatureStore::make(again.source(), {.folder = directory.path() / "features", .key = "k"}));
  EXPECT_EQ(again.made, 0);
}

TEST(FeatureStore, NamesAColumnThatItLacks) {
  Numbers numbers;
  const auto store = FeatureStore::make(numbers.source(), {});
  try {
    store->column("c", {0});
    FAIL() << "found it";
  } catch (const Error& error) {
    EXPECT_EQ(error.info().field, "c");
  }
}

TEST(FeatureStore, GoesOnBehindTheLastPart) {
  const test::TemporaryDirectory directory;
  const auto folder = directory.path() / "features";
  Numbers once;
  FeatureStore::make(once.source(), {.folder = folder, .key = "k", .part_bytes = 50});
  std::filesystem::remove(folder / "complete.json");
  std::filesystem::remove(folder / "part_00002.safetensors");
  Numbers rest;
  expect_rows(*FeatureStore::make(rest.source(), {.folder = folder, .key = "k", .part_bytes = 50}));
  EXPECT_EQ(rest.made, 1);
}

TEST(FeatureStore, AnotherKeyBeginsAnew) {
  const test::TemporaryDirectory directory;
  Numbers once, again;
  FeatureStore::make(once.source(), {.folder = directory.path() / "f", .key = "k"});
  expect_rows(*FeatureStore::make(again.source(), {.folder = directory.path() / "f", .key = "other"}));
  EXPECT_EQ(again.made, 5);
}

TEST(FeatureStore, ADamagedPartIsAnError) {
  const test::TemporaryDirectory directory;
  Numbers once, again;
  FeatureStore::make(once.source(), {.folder = directory.path() / "f", .key = "k"});
  write_file(directory.path() / "f" / "part_00000.safetensors", "nothing");
  EXPECT_THROW(FeatureStore::make(again.source(), {.folder = directory.path() / "f", .key = "k"}), Error);
}

TEST(FeatureStore, NoRowIsAnError) {
  Numbers numbers;
  numbers.next = 10;
  EXPECT_THROW(FeatureStore::make(numbers.source(), {}), Error);
}

TEST(RowOrder, APassTakesEverySampleOnceInOneOfItsViews) {
  RowOrder order({.rows = 12, .views = 2, .seed = 3});
  std::set<int64_t> samples, rows;
  for (int64_t step = 0; step < 3; ++step) {
    for (const auto& batch : order.next(2, 1)) {
      EXPECT_TRUE(samples.insert(batch[0] / 2).second);
      rows.insert(batch[0] % 2);
    }
  }
  EXPECT_EQ(samples.size(), 6u);
  EXPECT_EQ(rows.size(), 2u);  // both views occur
}

TEST(RowOrder, PassesTakeViewsInTurnWhereTheyLieOneAfterAnother) {
  RowOrder order({.rows = 15, .views = 3, .side_by_side = false, .seed = 3});
  std::vector<std::vector<int64_t>> passes;
  for (int64_t pass = 0; pass < 4; ++pass) {
    passes.push_back(order.next(1, 5)[0]);
    std::set<int64_t> samples;
    for (const int64_t row : passes.back()) {
      EXPECT_EQ(row / 5, pass % 3);
      samples.insert(row % 5);
    }
    EXPECT_EQ(samples.size(), 5u);
  }
  EXPECT_NE(passes[0], passes[3]);  // the same view in another order
}

TEST(RowOrder, ContinuesWhereItWas) {
  for (const bool side_by_side : {true, false}) {
    const RowOrder::Options options{.rows = 20, .views = 2, .side_by_side = side_by_side, .seed = 3};
    RowOrder order(options), again(options);
    order.next(1, 3);
    again.restore(order.state());
    for (int64_t step = 0; step < 7; ++step) EXPECT_EQ(order.next(1, 3), again.next(1, 3));
  }
}

TEST(RowOrder, RefusesAStepBeyondThePassAndAnotherStore) {
  EXPECT_THROW(RowOrder({.rows = 4}).next(1, 5), UsageError);
  RowOrder order({.rows = 4});
  EXPECT_THROW(order.restore({{"rows", 5}, {"pass", 0}, {"position", 0}}), Error);
  EXPECT_THROW(order.restore({{"shard", 1}}), Error);
}

}  // namespace
}  // namespace cambium::train
