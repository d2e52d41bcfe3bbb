#include <gtest/gtest.h>

#include "core/error.h"
#include "core/progress.h"
#include "support/temporary_directory.h"
#include "systems/sam_adapter/demo/gallery.h"
#include "systems/sam_adapter/demo/outcome.h"
#include "systems/sam_adapter/toy_cutouts.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

using data::composite::Split;

ProblemSet toy_set(int64_t count) {
  ProblemSet set{.images = at::full({count, 3, 32, 32}, 100, at::kByte),
                 .masks = at::zeros({count, 32, 32}, at::kBool)};
  set.masks.slice(1, 8, 24).slice(2, 8, 24).fill_(true);
  return set;
}

// Answers that miss the upper `missed` rows of the square.
at::Tensor answers(const ProblemSet& set, int64_t missed) {
  at::Tensor out = set.masks.to(at::kFloat);
  out.slice(1, 8, 8 + missed).zero_();
  return out;
}

ProblemResult toy_result(Problem problem, const ProblemSet& set, uint64_t seed = 0) {
  ProblemResult result{.problem = problem, .seed = seed};
  const std::pair<Method, int64_t> rows[] = {{Method::everything, 15}, {Method::box, 12},      {Method::grid, 10},
                                             {Method::oracle, 6},      {Method::untrained, 8}, {Method::decoder, 4},
                                             {Method::lora, 1},        {Method::adapter, 2}};
  for (const auto& [method, missed] : rows) {
    const at::Tensor probabilities = answers(set, missed);
    result.methods.push_back({.method = method,
                              .evaluation = evaluate(probabilities, set),
                              .probabilities = probabilities,
                              .trained = 900,
                              .in_encoder = 20});
  }
  return result;
}

TEST(DemoSets, AreTheSameAgainAndKeepTheirSplitsApart) {
  Progress::set_quiet(true);
  const test::TemporaryDirectory folder;
  write_toy_cutouts(folder.path());
  const SetSizes sizes{.train = 3, .validation = 1, .test = 2};
  for (const Problem problem : {Problem::camouflage, Problem::shadow}) {
    const auto first = folder.path() / ("a" + to_string(problem)), second = folder.path() / ("b" + to_string(problem));
    compose_problem(problem, folder.path(), first, sizes, 48, 7);
    compose_problem(problem, folder.path(), second, sizes, 48, 7);
    const ProblemSet train = read_split(first, Split::train), test = read_split(first, Split::test);
    EXPECT_EQ(train.size(), 3);
    EXPECT_EQ(test.size(), 2);
    EXPECT_EQ(train.images.sizes(), at::IntArrayRef({3, 3, 48, 48}));
    EXPECT_TRUE(train.masks.flatten(1).any(1).all().item<bool>());
    EXPECT_TRUE(at::equal(train.images, read_split(second, Split::train).images));
    EXPECT_TRUE(at::equal(test.masks, read_split(second, Split::test).masks));
    EXPECT_EQ(read_split(first, Split::train, 2).size(), 2);
  }
}

TEST(DemoEvaluation, ComparesPictureByPicture) {
  const ProblemSet set = toy_set(4);
  at::Tensor better = answers(set, 2), worse = answers(set, 4);
  worse[0] = better[0];  // alike on one picture, 1/8 apart on three
  const auto iou = [](const metrics::SegmentationScores& scores) { return scores.iou; };
  const Difference found = paired_difference(evaluate(better, set), evaluate(worse, set), iou);
  EXPECT_NEAR(found.mean, 3 * 0.125 / 4, 1e-9);
  EXPECT_NEAR(found.standard_error, 0.0625 / 2, 1e-9);
  EXPECT_THROW(paired_difference(evaluate(better, set), Evaluation{}, iou), Error);
}

TEST(DemoOutcome, ClaimsFollowTheNumbers) {
  const ProblemSet set = toy_set(3);
  const auto camouflage = toy_result(Problem::camouflage, set), shadow = toy_result(Problem::shadow, set);
  const auto claims = demo::claims({camouflage}, {shadow}, 1000);
  int64_t held = 0;
  for (const auto& claim : claims) held += claim.holds();
  // All but the two against LoRA, which is better in every picture.
  EXPECT_EQ(held, static_cast<int64_t>(claims.size()) - 2);
  for (const auto& claim : claims) {
    EXPECT_EQ(claim.holds(), claim.claim.find("LoRA") == std::string::npos) << claim.claim;
  }
}

TEST(DemoOutcome, TablesAreWholeWithOneSeedAndWithSeveral) {
  const ProblemSet set = toy_set(3);
  for (const Problem problem : {Problem::camouflage, Problem::shadow}) {
    for (const auto& seeds :
         {std::vector{toy_result(problem, set)}, std::vector{toy_result(problem, set), toy_result(problem, set, 1)}}) {
      const auto table = comparison_table(seeds);
      EXPECT_NO_THROW(table.validate());
      EXPECT_EQ(table.rows.size(), 8U);
      EXPECT_NO_THROW(difference_table(seeds).validate());
      EXPECT_EQ(difference_table(seeds).rows.size(), 7U);
    }
  }
}

TEST(DemoGallery, OrdersByScoreAndDrawsRows) {
  const ProblemSet set = toy_set(5);
  at::Tensor probabilities = set.masks.to(at::kFloat);
  for (int64_t i = 0; i < 5; ++i) probabilities[i].slice(0, 8, 8 + 2 * i).zero_();  // picture 4 is the worst
  const Evaluation evaluation = evaluate(probabilities, set);
  EXPECT_EQ(worst_by_score(evaluation, 2), (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(evenly_by_score(evaluation, 5), (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(evenly_by_score(evaluation, 99).size(), 5U);
  const at::Tensor row = strip(set.images[0], {set.masks[0], probabilities[0].gt(0.5)});
  EXPECT_EQ(row.sizes(), at::IntArrayRef({3, 32, 3 * 32 + 2 * 4}));
  EXPECT_TRUE(at::equal(row.slice(2, 0, 32), set.images[0]));
  // Tinted where the mask is, grey elsewhere.
  EXPECT_GT(row[0][16][36 + 16].item<int64_t>(), row[2][16][36 + 16].item<int64_t>() + 50);
  EXPECT_EQ(row[0][2][36 + 2].item<int64_t>(), row[2][2][36 + 2].item<int64_t>());
  const ProblemResult result = toy_result(Problem::shadow, set);
  EXPECT_EQ(sheet(set, result, {Method::box, Method::adapter}, {0, 3}).sizes(),
            at::IntArrayRef({3, 2 * 36, 4 * 32 + 3 * 4}));
  EXPECT_EQ(strips(set, result, {Method::adapter}, {1, 2}).size(), 2U);
}

}  // namespace
}  // namespace cambium::systems::sam_adapter::demo
