#include "index/search.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace cambium::index {
namespace {

at::Tensor random_rows(int64_t rows, int64_t dimensions, uint64_t seed, double scale = 1) {
  auto generator = make_generator(seed);
  return at::randn({rows, dimensions}, generator) * scale;
}

// All distances in f64, sorted.
std::vector<int64_t> plain(const at::Tensor& rows, const at::Tensor& query, const Space& space, int64_t k) {
  const at::Tensor x = rows.to(at::kDouble), q = query.to(at::kDouble);
  at::Tensor score = at::mv(x, q);
  if (space.kind == Space::Kind::lorentz) {
    const double c = space.curvature;
    score = score - (x.square().sum(1) + 1 / c).sqrt() * (q.square().sum() + 1 / c).sqrt();
  }
  const at::Tensor order = std::get<1>(score.sort(true, 0, true));
  std::vector<int64_t> result;
  for (int64_t i = 0; i < std::min(k, rows.size(0)); ++i) result.push_back(order[i].item<int64_t>());
  return result;
}

std::vector<int64_t> rows_of(const std::vector<Hit>& hits) {
  std::vector<int64_t> rows;
  for (const Hit& hit : hits) rows.push_back(hit.row);
  return rows;
}

TEST(Search, AgreesWithSortingEverything) {
  const at::Tensor rows = random_rows(3000, 24, 1, 0.5), queries = random_rows(7, 24, 2, 0.5);
  for (const Space& space : {Space::dot(), Space::lorentz(1), Space::lorentz(0.1)}) {
    for (const SearchOptions& options :
         {SearchOptions{.k = 10}, SearchOptions{.k = 1, .block_rows = 7, .block_queries = 2},
          SearchOptions{.k = 200, .block_rows = 333}, SearchOptions{.k = 5000}}) {
      const auto found = search_rows(rows, queries, space, options);
      ASSERT_EQ(found.size(), 7u);
      for (int64_t q = 0; q < 7; ++q) {
        EXPECT_EQ(rows_of(found[static_cast<size_t>(q)]), plain(rows, queries[q], space, options.k));
      }
    }
  }
}

TEST(Search, ReturnsGeodesicDistances) {
  const at::Tensor rows = random_rows(50, 8, 3), queries = random_rows(2, 8, 4);
  const double c = 0.5;
  const auto found = search_rows(rows, queries, Space::lorentz(c), {.k = 50});
  for (int64_t q = 0; q < 2; ++q) {
    const at::Tensor y = queries[q].to(at::kDouble);
    for (const Hit& hit : found[static_cast<size_t>(q)]) {
      const at::Tensor x = rows[hit.row].to(at::kDouble);
      const double inner = at::dot(x, y).item<double>() - std::sqrt(1 / c + at::dot(x, x).item<double>()) *
                                                              std::sqrt(1 / c + at::dot(y, y).item<double>());
      EXPECT_NEAR(hit.score, inner, 1e-10);
      EXPECT_NEAR(hit.distance, std::acosh(-c * inner) / std::sqrt(c), 1e-9);
    }
  }
  const auto dot = search_rows(rows, queries, Space::dot(), {.k = 1});
  EXPECT_DOUBLE_EQ(dot[0][0].distance, 1 - dot[0][0].score);
}

TEST(Search, FindsItselfAtDistanceZeroEvenFarFromTheRoot) {
  for (const double scale : {0.01, 1.0, 100.0}) {
    const at::Tensor rows = random_rows(200, 16, 5, scale);
    const auto found = search_rows(rows, rows.narrow(0, 50, 5), Space::lorentz(1), {.k = 2});
    for (int64_t q = 0; q < 5; ++q) {
      EXPECT_EQ(found[static_cast<size_t>(q)][0].row, 50 + q);
      EXPECT_EQ(found[static_cast<size_t>(q)][0].distance, 0);
      EXPECT_GT(found[static_cast<size_t>(q)][1].distance, 0);
    }
  }
}

TEST(Search, DoesNotDependOnThreads) {
  const at::Tensor rows = random_rows(5000, 16, 6), queries = random_rows(5, 16, 7);
  const int threads = at::get_num_threads();
  std::vector<std::vector<std::vector<Hit>>> results;
  for (const int count : {1, 2, 4}) {
    at::set_num_threads(count);
    results.push_back(search_rows(rows, queries, Space::dot(), {.k = 20, .block_rows = 100}));
  }
  at::set_num_threads(threads);
  for (size_t q = 0; q < 5; ++q) {
    EXPECT_EQ(rows_of(results[0][q]), rows_of(results[1][q]));
    EXPECT_EQ(rows_of(results[0][q]), rows_of(results[2][q]));
    EXPECT_EQ(results[0][q][0].score, results[2][q][0].score);
  }
}

TEST(Search, EqualScoresGoByRow) {
  const at::Tensor rows = at::ones({100, 4});
  const auto found = search_rows(rows, at::ones({1, 4}), Space::dot(), {.k = 5, .block_rows = 9});
  EXPECT_EQ(rows_of(found[0]), (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(Search, PassesOverRemovedRowsAndNaN) {
  at::Tensor rows = random_rows(100, 4, 8);
  const at::Tensor query = rows.narrow(0, 30, 1) * 10;
  std::vector<uint8_t> removed(100, 0);
  const int64_t best = search_rows(rows, query, Space::dot(), {.k = 1})[0][0].row;
  removed[static_cast<size_t>(best)] = 1;
  const auto found = search_rows(rows, query, Space::dot(), {.k = 100}, removed);
  EXPECT_EQ(found[0].size(), 99u);
  EXPECT_TRUE(std::none_of(found[0].begin(), found[0].end(), [&](const Hit& hit) { return hit.row == best; }));
  // A damaged row hides only itself.
  rows[(best + 1) % 100][0] = NAN;
  EXPECT_EQ(search_rows(rows, query, Space::dot(), {.k = 1})[0][0].row, best);
}

TEST(Search, TakesBfloat16Rows) {
  const at::Tensor rows = random_rows(500, 32, 9).to(at::kBFloat16), queries = random_rows(3, 32, 10);
  const auto found = search_rows(rows, queries, Space::lorentz(1), {.k = 10});
  for (int64_t q = 0; q < 3; ++q)
    EXPECT_EQ(rows_of(found[static_cast<size_t>(q)]), plain(rows, queries[q], Space::lorentz(1), 10));
}

TEST(Search, HandlesEmptyAndRefusesNonsense) {
  EXPECT_TRUE(search_rows(at::zeros({0, 4}), at::zeros({2, 4}), Space::dot())[1].empty());
  EXPECT_TRUE(search_rows(at::zeros({3, 4}), at::zeros({0, 4}), Space::dot()).empty());
  EXPECT_THROW(search_rows(at::zeros({3, 4}), at::zeros({1, 5}), Space::dot()), Error);
  EXPECT_THROW(search_rows(at::zeros({3, 4}), at::full({1, 4}, NAN), Space::dot()), Error);
  EXPECT_THROW(search_rows(at::zeros({3, 4}, at::kLong), at::zeros({1, 4}), Space::dot()), Error);
  EXPECT_THROW(search_rows(at::zeros({3, 4}), at::zeros({1, 4}), Space::lorentz(0)), Error);
  EXPECT_THROW(search_rows(at::zeros({3, 4}), at::zeros({1, 4}), Space::dot(), {.k = 0}), UsageError);
  EXPECT_THROW(search_rows(at::zeros({3, 4}), at::zeros({1, 4}), Space::dot(), {}, std::vector<uint8_t>(2)), Error);
}

TEST(Levels, ListEachRowOnceFromGeneralToSpecific) {
  // Points on a ray: near the root, half way, far out.
  const at::Tensor rows = at::tensor({0.1, 0.0, 1.0, 0.0, 4.0, 0.0}).view({3, 2}).to(at::kFloat);
  const at::Tensor path = at::tensor({0.0, 0.0, 0.1, 0.0, 0.9, 0.0, 1.1, 0.0, 4.0, 0.0}).view({5, 2}).to(at::kFloat);
  const auto found = search_levels(rows, path, Space::lorentz(1), {.k = 1});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].step, 0);
  EXPECT_EQ(found[0].hits[0].row, 0);
  EXPECT_EQ(found[1].step, 2);
  EXPECT_EQ(found[1].hits[0].row, 1);
  EXPECT_EQ(found[2].step, 4);
  EXPECT_EQ(found[2].hits[0].row, 2);
}

}  // namespace
}  // namespace cambium::index
