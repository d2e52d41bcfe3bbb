#include "models/clip/bpe.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/paths.h"
#include "support/temporary_directory.h"

namespace cambium::clip {
namespace {

namespace fs = std::filesystem;

fs::path vocabulary() { return shared_file("assets/bpe_simple_vocab_16e6.txt.gz"); }

// A file of as many merges as CLIP's: the given ones, then pairs of single bytes outside ASCII.
std::string merges_file(const std::vector<std::string>& first) {
  std::vector<std::string> symbols;
  for (int c = 0xA1; c < 0x144; ++c) {
    if (c != 0xAD) symbols.push_back({static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))});
  }
  std::string text = "#version: 0.2\n";
  int32_t lines = 0;
  for (const std::string& line : first) {
    text += line + "\n";
    ++lines;
  }
  for (const char* end : {"", "</w>"}) {
    for (const std::string& left : symbols) {
      for (const std::string& right : symbols) {
        if (lines++ < BytePairEncoder::kMerges) text += left + " " + right + end + "\n";
      }
    }
  }
  return text;
}

class BytePairEncoderFile : public ::testing::Test {
 protected:
  fs::path file(const std::string& text) {
    write_file(folder_.path() / "bpe.txt", text);
    return folder_.path() / "bpe.txt";
  }
  std::string error_of(const fs::path& path) {
    try {
      BytePairEncoder encoder(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.info().file, path.string());
      EXPECT_FALSE(error.info().mend.empty());
      return error.info().field.empty() ? error.info().what : error.info().field + ": " + error.info().what;
    }
    return "no error";
  }
  std::vector<std::string> encoded(const BytePairEncoder& bpe, std::string_view piece) {
    BytePairEncoder::Workspace work;
    std::vector<int32_t> ids;
    bpe.encode(piece, work, ids);
    std::vector<std::string> tokens;
    for (const int32_t id : ids) tokens.push_back(std::string(bpe.bytes(id)) + (bpe.ends_piece(id) ? "$" : ""));
    return tokens;
  }
  test::TemporaryDirectory folder_;
};

using Tokens = std::vector<std::string>;

TEST(BytePairEncoder, IdsAreBytesThenMerges) {
  const BytePairEncoder bpe(vocabulary());
  EXPECT_EQ(bpe.bytes(0), "!");
  EXPECT_FALSE(bpe.ends_piece(0));
  EXPECT_EQ(bpe.bytes(256), "!");
  EXPECT_TRUE(bpe.ends_piece(256));
  EXPECT_EQ(bpe.bytes(188), std::string_view("\0", 1));
  EXPECT_EQ(bpe.bytes(512), "in");
  std::set<std::pair<std::string_view, bool>> different;
  for (int32_t id = 0; id < BytePairEncoder::kTokens; ++id) different.emplace(bpe.bytes(id), bpe.ends_piece(id));
  EXPECT_EQ(std::ssize(different), BytePairEncoder::kTokens);
}

TEST(BytePairEncoder, EveryByteCanBeEncoded) {
  const BytePairEncoder bpe(vocabulary());
  BytePairEncoder::Workspace work;
  std::string piece;
  for (int byte = 0; byte < 256; ++byte) piece += static_cast<char>(byte);
  std::vector<int32_t> ids;
  bpe.encode(piece, work, ids);
  bpe.encode("", work, ids);
  std::string back;
  for (const int32_t id : ids) back += bpe.bytes(id);
  EXPECT_EQ(back, piece);
  EXPECT_TRUE(bpe.ends_piece(ids.back()));
}

TEST_F(BytePairEncoderFile, MergesLowestRankFirstAndFromTheLeft) {
  const BytePairEncoder bpe(file(merges_file({"b c", "a b", "bc d</w>", "a a", "aa a</w>", "aa aa"})));
  EXPECT_EQ(bpe.bytes(514), "bcd");
  EXPECT_EQ(encoded(bpe, "abcd"), (Tokens{"a", "bcd$"}));
  EXPECT_EQ(encoded(bpe, "abd"), (Tokens{"ab", "d$"}));
  EXPECT_EQ(encoded(bpe, "bc"), (Tokens{"b", "c$"}));  // the last byte is a symbol of its own
  EXPECT_EQ(encoded(bpe, "aaa"), (Tokens{"aaa$"}));
  EXPECT_EQ(encoded(bpe, "aaaa"), (Tokens{"aa", "a", "a$"}));
  EXPECT_EQ(encoded(bpe, "aaaaab"), (Tokens{"aaaa", "a", "b$"}));
  EXPECT_EQ(encoded(bpe, "aaabc"), (Tokens{"aa", "ab", "c$"}));
}

TEST_F(BytePairEncoderFile, ReadsPlainTextAndWindowsLineEnds) {
  std::string text = merges_file({"a b"});
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(encoded(BytePairEncoder(file(windows)), "abc"), (Tokens{"ab", "c$"}));
}

TEST_F(BytePairEncoderFile, WhatIsMissingOrTornIsSaid) {
  EXPECT_EQ(error_of(folder_.path() / "none"), "the tokenizer's merges cannot be opened");
  EXPECT_NE(error_of(folder_.path()), "no error");
  EXPECT_EQ(error_of(file("")), "line 2: the file ends after 0 merges of 48894");
  EXPECT_EQ(error_of(file("#version: 0.2\na b\n")), "line 3: the file ends after 1 merges of 48894");
  const std::string whole = read_file(vocabulary());
  EXPECT_NE(error_of(file(whole.substr(0, 200000))), "no error");
  std::string flipped = whole;
  for (size_t i = 1000; i < 1100; ++i) flipped[i] = static_cast<char>(~flipped[i]);
  EXPECT_NE(error_of(file(flipped)), "no error");
}

TEST_F(BytePairEncoderFile, LinesThatAreNoMergesAreRefused) {
  for (const std::string line : {"", "a", "ab", " b", "a ", "a b c", "a  b", "a</w> b", "a \x01", "a \xC7\x80",
                                 "a \xE2\x82\xAC", "a \xC3", "\xFF b"}) {
    EXPECT_EQ(error_of(file(merges_file({"a b", line}))), "line 3: is no pair of symbols") << line;
  }
  EXPECT_EQ(error_of(file(merges_file({std::string(2000, 'a') + " b"}))), "line 2: is no pair of symbols");
}

TEST_F(BytePairEncoderFile, MergesOutOfOrderOrTwiceAreRefused) {
  EXPECT_EQ(error_of(file(merges_file({"ab c", "a b"}))), "line 2: joins a symbol that no line before it makes");
  EXPECT_EQ(error_of(file(merges_file({"a b", "a b"}))), "line 3: makes a symbol that a line before it makes");
  EXPECT_EQ(error_of(file(merges_file({"a b", "b c", "a bc", "ab c"}))),
            "line 5: makes a symbol that a line before it makes");
}

TEST_F(BytePairEncoderFile, AnEndlessFileIsNotReadToItsEnd) {
  const fs::path bomb = folder_.path() / "bomb.gz";
  const gzFile out = gzopen(bomb.c_str(), "wb1");
  const std::string block(1 << 20, ' ');
  for (int i = 0; i < 8; ++i) ASSERT_GT(gzwrite(out, block.data(), static_cast<unsigned>(block.size())), 0);
  gzclose(out);
  EXPECT_EQ(error_of(bomb), "line 2: the file ends after 0 merges of 48894");
}

}  // namespace
}  // namespace cambium::clip
