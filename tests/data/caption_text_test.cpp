#include "data/caption_text.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "support/sentence.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::data {
namespace {

std::filesystem::path redcaps() { return test::source_dir() / "assets/redcaps_subreddits.tsv"; }

TEST(SubredditWords, RedCapsNamesAsWordsegmentHasThem) {
  const SubredditWords words(redcaps());
  EXPECT_EQ(words.words("itookapicture"), "i took a picture");
  EXPECT_EQ(words.words("EarthPorn"), "earth porn");
  EXPECT_EQ(words.words("tinyanimalsonfingers"), "tiny animals on fingers");
  EXPECT_EQ(words.words("macarons"), "mac arons");
  EXPECT_EQ(words.words("f1porn"), "f1 porn");
  EXPECT_EQ(words.words("food"), "food");
}

TEST(SubredditWords, OtherNamesAreSplitWhereTheyShowIt) {
  const SubredditWords words(redcaps());
  EXPECT_EQ(words.words("MyCastle_2"), "my castle 2");
  EXPECT_EQ(words.words("HTMLPages"), "html pages");
  EXPECT_EQ(words.words("plainname"), "plainname");
  EXPECT_EQ(words.words("__x--y"), "x y");
  EXPECT_EQ(words.words(""), "");
}

TEST(SubredditWords, BadTablesNameTheLine) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "t.tsv";
  for (const char* text :
       {"# note\n\na\tb\nonly", "# note\n\na\tb\n\tb\n", "# note\n\na\tb\na\t \n", "# note\n\na\tb\na\t\xFF\n"}) {
    write_file(path, text);
    EXPECT_TRUE(test::says(test::sentence([&] { SubredditWords words(path); }), "t.tsv: line 4: is not a subreddit"))
        << text;
  }
  EXPECT_NE(test::sentence([&] { SubredditWords words(folder.path() / "none"); }), "");
}

TEST(DrawCaption, HalfHaveThePrefix) {
  const SubredditWords words(redcaps());
  const Sample sample{.captions = {"my cat"}, .subreddit = "blackcats"};
  Rng rng(1);
  int64_t prefixed = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string text = draw_caption(sample, &words, 0.5, rng);
    EXPECT_TRUE(text == "my cat" || text == "black cats : my cat") << text;
    prefixed += text != "my cat";
  }
  EXPECT_NEAR(static_cast<double>(prefixed), 5000, 5 * 50);  // five standard deviations
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(draw_caption(sample, &words, 1, rng), "black cats : my cat");
    EXPECT_EQ(draw_caption(sample, &words, 0, rng), "my cat");
    EXPECT_EQ(draw_caption(sample, nullptr, 1, rng), "my cat");
    EXPECT_EQ(draw_caption({.captions = {"x"}}, &words, 1, rng), "x");
  }
}

TEST(DrawCaption, EveryCaptionIsDrawn) {
  const Sample sample{.captions = {"a", "b", "c"}};
  Rng rng(1);
  std::map<std::string, int64_t> counts;
  for (int i = 0; i < 9000; ++i) ++counts[draw_caption(sample, nullptr, 0.5, rng)];
  ASSERT_EQ(counts.size(), 3u);
  for (const auto& [text, count] : counts) EXPECT_NEAR(static_cast<double>(count), 3000, 5 * 45) << text;
}

TEST(DrawCaption, FieldsAreDrawnByWeightAmongThoseWithTexts) {
  Sample sample{.captions = {"cat"}};
  sample.extra = {{"pet", "animal"}, {}, {"nature"}};
  const std::vector<double> weights = {0.5, 0.3, 0.9, 0.2};  // the third has no texts: its weight does not count
  std::map<std::string, int> counts;
  Rng rng(4);
  for (int i = 0; i < 10000; ++i) ++counts[draw_caption(sample, nullptr, 0, rng, weights)];
  EXPECT_NEAR(counts["cat"], 5000, 250);
  EXPECT_NEAR(counts["pet"] + counts["animal"], 3000, 250);
  EXPECT_NEAR(counts["nature"], 2000, 250);
}

}  // namespace
}  // namespace cambium::data
