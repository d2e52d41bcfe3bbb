#include "models/clip/tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "support/source_dir.h"

namespace cambium::clip {
namespace {

using Ids = std::vector<int32_t>;

const Tokenizer& tokenizer() {
  static const Tokenizer instance;
  return instance;
}

nlohmann::json golden_cases() {
  std::ifstream file(test::source_dir() / "tests/golden/meru/tokenizer.json");
  return nlohmann::json::parse(file).at("cases");
}

// Of the original tokenizer, with ftfy 6.3.1.
TEST(Tokenizer, EncodesEveryGoldenTextAsTheOriginal) {
  for (const auto& entry : golden_cases()) {
    const auto text = entry.at("text").get<std::string>();
    EXPECT_EQ(tokenizer().encode(text), entry.at("ids").get<Ids>()) << entry.at("text").dump();
    EXPECT_EQ(tokenizer().clean(text), entry.at("cleaned").get<std::string>());
  }
}

TEST(Tokenizer, EmptyTextIsStartAndEnd) {
  for (const char* text : {"", " ", "\t\n\r ", "\xC2\xA0"}) EXPECT_EQ(tokenizer().encode(text), (Ids{49406, 49407}));
}

TEST(Tokenizer, SpecialTokensTypedInTheTextAreSpecial) {
  EXPECT_EQ(tokenizer().encode("<|ENDOFTEXT|>a"), (Ids{49406, 49407, 320, 49407}));
  // A run of signs takes its "<|" first, so that what follows is no special token.
  EXPECT_EQ(tokenizer().decode(tokenizer().encode("!<|endoftext|>")), "<|startoftext|>!<| endoftext |> <|endoftext|>");
}

// Answers of the original's regex module: caseless matching knows the long s as an s, and drops the iota below.
TEST(Tokenizer, SplitsCaselesslyAsTheOriginal) {
  EXPECT_EQ(tokenizer().encode("it'\xC5\xBF"), (Ids{49406, 585, 6, 129, 379, 49407}));
  EXPECT_EQ(tokenizer().encode("!\xCD\x85!"), (Ids{49406, 256, 256, 49407}));
}

TEST(Tokenizer, MergesLongPiecesAsShortOnes) {
  // 4 letters "x" are one token; a piece's last one is another.
  const Ids ids = tokenizer().encode(std::string(200000, 'x'));
  EXPECT_LT(ids.size(), 100000u);
  EXPECT_EQ(ids[1], ids[2]);
  const std::string text = tokenizer().decode(Ids(ids.begin() + 1, ids.end() - 1));
  EXPECT_EQ(text, std::string(200000, 'x') + ' ');
}

TEST(Tokenizer, TextThatIsNotUtf8NamesTheByte) {
  try {
    tokenizer().encode("caf\xE9 noir");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "text: is not UTF-8: byte 3 (0xe9) begins no character; save it as UTF-8");
  }
  for (const std::string bad :
       {"\xC0\x80", "\xF5\x80\x80\x80", "ab\xE2\x82", "\x80", "\xE0\x80\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_THROW(tokenizer().encode(bad), Error) << bad;
  }
}

TEST(Tokenizer, BatchIsTheTextsOneByOne) {
  std::vector<std::string> texts;
  for (const auto& entry : golden_cases()) texts.push_back(entry.at("text"));
  while (texts.size() < 2000) texts.insert(texts.end(), texts.begin(), texts.begin() + 100);
  const auto batch = tokenizer().encode(texts);
  ASSERT_EQ(batch.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(batch[i], tokenizer().encode(texts[i]));
  EXPECT_TRUE(tokenizer().encode(std::vector<std::string>{}).empty());
}

TEST(Tokenizer, BatchErrorNamesTheText) {
  std::vector<std::string> texts(1000, "a dog");
  texts[700] = "\xFF";
  try {
    tokenizer().encode(texts);
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_EQ(error.info().field, "text 701");
  }
}

TEST(Tokenizer, SharedByThreads) {
  const auto cases = golden_cases();
  std::vector<std::string> texts;
  std::vector<Ids> ids;
  for (const auto& entry : cases) {
    texts.push_back(entry.at("text"));
    ids.push_back(entry.at("ids").get<Ids>());
  }
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < texts.size(); ++i) count += tokenizer().encode(texts[i]) != ids[i];
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(Tokenizer, DecodesWhatItEncoded) {
  EXPECT_EQ(tokenizer().decode(tokenizer().encode("A photo of 2 caf\xC3\xA9s \xF0\x9F\x90\xB1!")),
            "<|startoftext|>a photo of 2 caf\xC3\xA9s \xF0\x9F\x90\xB1! <|endoftext|>");
  EXPECT_EQ(tokenizer().decode({}), "");
}

TEST(Tokenizer, DecodingHalfACharacterGivesAReplacement) {
  const Ids half = {tokenizer().encode("\xE0\xA4\x85")[1]};
  EXPECT_NE(tokenizer().decode(half).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(Tokenizer, DecodingAnUnknownIdIsAnError) {
  for (const int32_t id : {-1, 49408}) {
    try {
      tokenizer().decode(Ids{id});
      FAIL() << "no exception";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(std::to_string(id)), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace cambium::clip
