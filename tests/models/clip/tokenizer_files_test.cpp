#include "models/clip/tokenizer_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "models/clip/tokenizer.h"
#include "support/temporary_directory.h"

namespace cambium::clip {
namespace {

TEST(TokenizerFiles, HoldTheVocabularyThatTheTokenizerUses) {
  const test::TemporaryDirectory folder;
  write_hugging_face_tokenizer(folder.path(), "");
  const auto vocabulary = nlohmann::json::parse(read_file(folder.path() / "vocab.json"));
  ASSERT_EQ(static_cast<int64_t>(vocabulary.size()), Tokenizer::kVocabularySize);
  const Tokenizer tokenizer;
  EXPECT_EQ(tokenizer.encode("photo"),
            (std::vector<int32_t>{Tokenizer::kStart, vocabulary.at("photo</w>"), Tokenizer::kEnd}));
  EXPECT_EQ(tokenizer.encode("\u00e9"),
            (std::vector<int32_t>{Tokenizer::kStart, vocabulary.at("\u00c3\u00a9</w>"), Tokenizer::kEnd}));
  EXPECT_EQ(vocabulary.at("<|endoftext|>"), Tokenizer::kEnd);
  const std::string merges = read_file(folder.path() / "merges.txt");
  EXPECT_EQ(std::count(merges.begin(), merges.end(), '\n'), BytePairEncoder::kMerges + 1);
  EXPECT_EQ(merges.substr(0, merges.find('\n', 20)), "#version: 0.2\ni n\nt h");
}

TEST(TokenizerFiles, NameTheWordThatPads) {
  const test::TemporaryDirectory folder;
  const auto pad = [&](const std::string& word) {
    write_hugging_face_tokenizer(folder.path(), word);
    return nlohmann::json::parse(read_file(folder.path() / "special_tokens_map.json"))
        .at("pad_token")
        .get<std::string>();
  };
  EXPECT_EQ(pad(""), "<|endoftext|>");
  EXPECT_EQ(pad("!"), "!");
}

}  // namespace
}  // namespace cambium::clip
