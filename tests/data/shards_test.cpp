#include "data/shards.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/log.h"
#include "core/random.h"
#include "numbered_shards.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::data {
namespace {

namespace fs = std::filesystem;
using cambium::test::says;
using cambium::test::sentence;

class Shards : public testing::Test {
 protected:
  void SetUp() override { log::set_level(log::Level::off); }
  void TearDown() override { log::set_level(log::Level::info); }

  // One shard whose only sample has these members.
  std::string shard(const std::vector<std::pair<std::string, std::string>>& members,
                    const std::string& name = "one.tar") {
    io::TarWriter tar(folder_.path() / name);
    for (const auto& [member, bytes] : members) tar.add(member, bytes);
    tar.commit();
    return (folder_.path() / name).string();
  }
  Sample first(const std::string& path, ShardOptions options = {}) {
    return ImageTextShards({path}, options).fetch({});
  }
  std::string complaint(const std::vector<std::pair<std::string, std::string>>& members, ShardOptions options = {}) {
    const std::string path = shard(members);
    const std::string said = sentence([&] { first(path, options); });
    if (!said.empty()) {
      EXPECT_TRUE(says(said, path));
    }
    return said;
  }
  std::vector<std::string> keys(const ImageTextShards& shards, StreamOptions options) {
    const auto cursor = shards.cursor(options);
    std::vector<std::string> keys;
    while (const auto ticket = cursor->next()) keys.push_back(shards.fetch(*ticket).key);
    return keys;
  }

  cambium::test::TemporaryDirectory folder_;
};

TEST_F(Shards, ASampleIsPictureAndWords) {
  const Sample sample =
      first(shard({{"a/7.jpg", "bytes"}, {"a/7.json", R"({"caption": "a cat \u00e9", "subreddit": "cats"})"}}));
  EXPECT_EQ(sample.key, "a/7");
  EXPECT_EQ(sample.image, "bytes");
  EXPECT_EQ(sample.captions, std::vector<std::string>{"a cat \xC3\xA9"});
  EXPECT_EQ(sample.subreddit, "cats");
  EXPECT_TRUE(says(sample.source, "one.tar: a/7.jpg"));
  const Sample text = first(shard({{"7.txt", " words \n"}, {"7.webp", "bytes"}, {"7.cls", "3"}}));
  EXPECT_EQ(text.captions, std::vector<std::string>{"words"});
  EXPECT_EQ(text.subreddit, "");
  EXPECT_EQ(first(shard({{"7.png", "p"}, {"7.json", R"({"text": "t", "sub": "s"})"}}),
                  {.caption_field = "text", .subreddit_field = "sub"})
                .subreddit,
            "s");
}

TEST_F(Shards, BadSamplesNameShardAndMember) {
  EXPECT_TRUE(says(complaint({{"7.json", R"({"caption": "x"})"}}), "7: has no picture"));
  EXPECT_TRUE(says(complaint({{"7.jpg", "x"}}), "7: has no words"));
  EXPECT_TRUE(says(complaint({{"7.jpg", "x"}, {"7.json", "{"}}), "7.json: is not a JSON object"));
  EXPECT_TRUE(says(complaint({{"7.jpg", "x"}, {"7.json", "[]"}}), "7.json: is not a JSON object"));
  EXPECT_TRUE(
      says(complaint({{"7.jpg", "x"}, {"7.json", R"({"captoin": "x"})"}}), "is 'captoin' the caption's field?"));
  EXPECT_TRUE(
      says(complaint({{"7.jpg", "x"}, {"7.json", R"({"caption": 3})"}}), "7.json: has no text field 'caption'"));
  EXPECT_TRUE(
      says(complaint({{"7.jpg", "x"}, {"7.json", "{\"caption\": \"\xFF\"}"}}), "7.json: is not UTF-8 (byte 13)"));
  EXPECT_TRUE(says(complaint({{"7.jpg", "x"}, {"7.txt", "caf\xE9"}}), "7.txt: is not UTF-8 (byte 3)"));
  EXPECT_TRUE(says(complaint({{"README", "x"}}), "holds no samples"));
  EXPECT_TRUE(says(complaint({}), "holds no samples"));
}

TEST_F(Shards, GlobsAreSortedAndListedOnce) {
  test::write_shards(folder_.path(), 3, 1);
  const std::string at = folder_.path().string();
  const auto names = [](const std::vector<fs::path>& paths) {
    std::string out;
    for (const fs::path& path : paths) out += path.filename().string() + " ";
    return out;
  };
  EXPECT_EQ(names(expand_globs({at + "/*.tar"})), "shard0.tar shard1.tar shard2.tar ");
  EXPECT_EQ(names(expand_globs({at + "/shard2.tar", at + "/shard{0,2}.tar"})), "shard0.tar shard2.tar ");
  EXPECT_EQ(names(expand_globs({at + "/shard[12].tar " + at + "/shard0.tar"})), "shard0.tar shard1.tar shard2.tar ");
  EXPECT_TRUE(says(sentence([&] { expand_globs({at + "/*.zip"}); }), "/*.zip: no file matches"));
  EXPECT_TRUE(says(sentence([&] { expand_globs({at + "/*.tar " + at + "/none*"}); }), "/none*: no file matches"));
  EXPECT_TRUE(says(sentence([&] { expand_globs({at}); }), "is a folder, not a shard"));
  EXPECT_THROW(expand_globs({}), UsageError);
}

TEST_F(Shards, UnshuffledIsTheFilesOrder) {
  test::write_shards(folder_.path(), 2, 2);
  const ImageTextShards shards({(folder_.path() / "*.tar").string()});
  EXPECT_EQ(keys(shards, {.passes = 1, .shuffle = false}),
            (std::vector<std::string>{"0_0", "0_1", "1_0", "1_1", "1_2"}));
}

TEST_F(Shards, TheBufferGivesARandomOneAndTheLastTakesItsPlace) {
  // The rule itself, on the reading order of one shard: fill, then pick and refill; drain at the end.
  test::write_shard(folder_.path() / "s.tar", 0, 40);
  const ImageTextShards shards({(folder_.path() / "s.tar").string()});
  Rng rng(mix_seed(5, "shuffle buffer", 0));
  std::vector<std::string> expected, buffer;
  for (int64_t read = 0; read < 40 || !buffer.empty();) {
    while (buffer.size() < 10 && read < 40) buffer.push_back("0_" + std::to_string(read++));
    std::swap(buffer[static_cast<size_t>(rng.below(static_cast<int64_t>(buffer.size())))], buffer.back());
    expected.push_back(buffer.back());
    buffer.pop_back();
  }
  EXPECT_EQ(keys(shards, {.seed = 5, .passes = 1, .shuffle_buffer = 10}), expected);
}

TEST_F(Shards, ShardsAreShuffledToo) {
  test::write_shards(folder_.path(), 9, 1);
  const ImageTextShards shards({(folder_.path() / "*.tar").string()});
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    std::string order;
    for (const std::string& key : keys(shards, {.seed = seed, .passes = 1, .shuffle_buffer = 1})) order += key + " ";
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 3u);
}

TEST_F(Shards, ADamagedShardIsAnErrorOrLeft) {
  test::write_shards(folder_.path(), 3, 10);
  const fs::path broken = folder_.path() / "shard1.tar";
  fs::resize_file(broken, 512 * 4 * 5 + 700);  // inside the sixth sample
  const std::string pattern = (folder_.path() / "*.tar").string();
  const std::string said = sentence([&] { keys(ImageTextShards({pattern}), {.passes = 1}); });
  EXPECT_TRUE(says(said, "shard1.tar: "));
  EXPECT_TRUE(says(said, "or set skip_damaged"));
  const auto left = keys(ImageTextShards({pattern}, {.skip_damaged = true}), {.passes = 1});
  EXPECT_GE(left.size(), 10u + 12u + 5u);
  EXPECT_LT(left.size(), 33u);
}

TEST_F(Shards, ShardsWithoutSamplesAreAnErrorNotAnEndlessSearch) {
  test::write_shard(folder_.path() / "a.tar", 0, 3);
  io::TarWriter tar(folder_.path() / "b.tar");
  tar.add("README", "x");
  tar.commit();
  const ImageTextShards shards({(folder_.path() / "*.tar").string()});
  EXPECT_TRUE(says(sentence([&] { shards.cursor({.rank = 1, .world = 2})->next(); }),
                   "not one sample was found in this rank's 1 shards"));
  EXPECT_TRUE(
      says(sentence([&] { shards.cursor({.rank = 0, .world = 3}); }), "2 shards cannot be split among 3 ranks"));
}

TEST_F(Shards, TheFingerprintFollowsTheFilesNotTheFolder) {
  const cambium::test::TemporaryDirectory elsewhere;
  test::write_shards(folder_.path(), 2, 2);
  const auto fingerprint = [](const fs::path& folder) {
    return ImageTextShards({(folder / "*.tar").string()}).fingerprint();
  };
  const std::string before = fingerprint(folder_.path());
  test::write_shards(elsewhere.path(), 2, 2);
  EXPECT_EQ(fingerprint(elsewhere.path()), before);
  test::write_shard(elsewhere.path() / "shard1.tar", 1, 9);
  EXPECT_NE(fingerprint(elsewhere.path()), before);
}

TEST_F(Shards, ManyShardsStayReadableThoughFewStayOpen) {
  test::write_shards(folder_.path(), 50, 1);
  const ImageTextShards shards({(folder_.path() / "*.tar").string()});
  EXPECT_EQ(keys(shards, {.passes = 1, .shuffle_buffer = 4000}).size(), 50u + 50u * 49u / 2u);
}

}  // namespace
}  // namespace cambium::data
