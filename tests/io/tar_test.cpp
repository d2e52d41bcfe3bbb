#include "io/tar.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

// A header as any tar program may have written it; tests then break it.
std::string header(const std::string& name, const std::string& size, char type = '0') {
  std::string block(512, '\0');
  std::memcpy(block.data(), name.data(), std::min<size_t>(name.size(), 100));
  std::memcpy(block.data() + 124, size.data(), std::min<size_t>(size.size(), 12));
  block[156] = type;
  std::memcpy(block.data() + 257,
              "ustar\0"
              "00",
              8);
  std::memset(block.data() + 148, ' ', 8);
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(block.data() + 148, 7, "%06o", sum);
  return block;
}

std::string octal(size_t size) {
  char text[13];
  std::snprintf(text, sizeof text, "%011zo", size);
  return text;
}

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 511) / 512 * 512, '\0');
  return bytes;
}

std::string file(const std::string& name, const std::string& bytes, char type = '0') {
  return header(name, octal(bytes.size()), type) + padded(bytes);
}

const std::string kEnd(1024, '\0');

// The sentence that reading all of `bytes` ends with, or "".
std::string complaint(const std::string& bytes) {
  try {
    const TarFile tar(bytes, "a.tar");
    for (int64_t at = 0; const auto member = tar.member(at);) at = member->next;
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "a.tar");
    return error.what();
  }
}

testing::AssertionResult says(const std::string& sentence, const std::string& part) {
  if (sentence.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << sentence << "\" lacks \"" << part << "\"";
}

TEST(Tar, ReadsBackWhatItWrote) {
  const test::TemporaryDirectory folder;
  const std::string long_name = std::string(150, 'd') + "/" + std::string(120, 'n') + ".jpg";
  TarWriter writer(folder.path() / "a.tar");
  writer.add("0.jpg", std::string(1000, 'x'));
  writer.add(long_name, "long");
  writer.add("\xC3\xA9.txt", "");
  writer.commit();

  const TarFile tar(folder.path() / "a.tar");
  EXPECT_EQ(tar.size() % 512, 0);
  const auto first = tar.member(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "0.jpg");
  EXPECT_EQ(tar.read(*first), std::string(1000, 'x'));
  const auto second = tar.member(first->next);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->name, long_name);
  EXPECT_EQ(second->header, first->next);
  EXPECT_EQ(tar.read(*second), "long");
  const auto third = tar.member(second->next);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->name, "\xC3\xA9.txt");
  EXPECT_EQ(third->size, 0);
  EXPECT_FALSE(tar.member(third->next));
}

TEST(Tar, UncommittedWriterLeavesNothing) {
  const test::TemporaryDirectory folder;
  {
    TarWriter(folder.path() / "a.tar").add("0.jpg", "x");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  TarWriter writer(folder.path() / "b.tar");
  EXPECT_THROW(writer.add("", "x"), Error);
  EXPECT_THROW(writer.add("folder/", "x"), Error);
}

TEST(Tar, GnuLongNamesAndSizesAndPax) {
  const std::string name = std::string(300, 'g') + ".png";
  std::string binary_size(12, '\0');
  binary_size[0] = static_cast<char>(0x80);
  binary_size[11] = 3;
  const std::string record = "18 path=pax.jpg\n";  // 16 bytes, and so says 18: wrong on purpose below
  const TarFile tar(file("././@LongLink", name + '\0', 'L') + file("short", "one") + header("binary.jpg", binary_size) +
                        padded("two") +
                        file("pax",
                             "16 path=pax.jpg\n"
                             "10 size=5\n",
                             'x') +
                        header("ignored", octal(0)) + padded("three") + kEnd,
                    "a.tar");
  std::vector<std::string> seen;
  for (int64_t at = 0; const auto member = tar.member(at);) {
    seen.push_back(member->name + "=" + tar.read(*member));
    at = member->next;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{name + "=one", "binary.jpg=two", "pax.jpg=three"}));
  EXPECT_TRUE(says(complaint(file("pax", record, 'x') + file("a", "x") + kEnd), "malformed"));
}

TEST(Tar, ReadsWhatGnuTarAndPythonWrite) {
  // tests/fixtures/tar: made by GNU tar 1.34 and Python 3.11's tarfile; a name of 160 characters, a folder, a link.
  for (const char* format : {"gnu", "pax", "ustar", "python", "v7"}) {
    const TarFile tar(test::source_dir() / "tests/fixtures/tar" / (std::string(format) + ".tar"));
    std::map<std::string, std::string> seen;
    for (int64_t at = 0; const auto member = tar.member(at);) {
      seen[member->name] = tar.read(*member);
      at = member->next;
    }
    ASSERT_FALSE(seen.empty()) << format;
    EXPECT_EQ(seen.begin()->second, "hello") << format;
    if (std::string(format) != "v7") {
      EXPECT_EQ(seen.at("folder/" + std::string(80, 'a') + "/" + std::string(72, 'b') + ".txt"), "long") << format;
    }
    EXPECT_EQ(seen.count("folder/link.txt"), 0u) << format;
  }
}

TEST(Tar, PassesOverLinksFoldersAndDevices) {
  const TarFile tar(file("d/", "", '5') + header("l", octal(77), '2') +
                        file("././@LongLink", std::string(200, 'k'), 'K') + header("hard", octal(5), '1') +
                        file("g", "20 comment=something", 'g') + file("a.jpg", "x") + kEnd,
                    "a.tar");
  const auto member = tar.member(0);
  ASSERT_TRUE(member);
  EXPECT_EQ(member->name, "a.jpg");
  EXPECT_FALSE(tar.member(member->next));
}

TEST(Tar, HostileHeaders) {
  const std::string good = file("a.jpg", "x");
  EXPECT_EQ(complaint(good + kEnd), "");
  EXPECT_TRUE(says(complaint(""), "is empty"));
  EXPECT_TRUE(says(complaint("abc"), "too short"));
  EXPECT_TRUE(says(complaint(std::string(600, 'x')), "wrong header checksum at byte 0"));
  EXPECT_TRUE(says(complaint(std::string("\x1F\x8B", 2) + std::string(600, 'x')), "gunzip"));
  std::string broken = good + good + kEnd;
  broken[1024] ^= 1;
  EXPECT_TRUE(says(complaint(broken), "wrong header checksum at byte 1024"));

  std::string huge(12, '\xFF');
  EXPECT_TRUE(says(complaint(header("huge.jpg", huge) + kEnd), "huge.jpg: has no readable size"));
  huge.assign("\x80\x00\x00\x00\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12);
  EXPECT_TRUE(says(complaint(header("huge.jpg", huge) + kEnd), "huge.jpg: "));
  EXPECT_TRUE(says(complaint(header("big.jpg", "77777777777") + kEnd),
                   "big.jpg: says it holds 8589934591 bytes, but only 1024 follow"));
  EXPECT_TRUE(says(complaint(header("none.jpg", "12345x78901") + kEnd), "none.jpg: has no readable size"));
  EXPECT_TRUE(says(complaint(header("", octal(1)) + padded("x") + kEnd), "no usable name"));
  EXPECT_TRUE(says(complaint(header("name", "00007777777", 'L') + kEnd), "says it holds"));
  EXPECT_TRUE(says(complaint(file("s", "x", 'S') + kEnd), "sparse"));
  for (const char* record :
       {"", "5", "99999999999999999999 a=b\n", "7 a=bcd", "0 a=b\n", "6 abc\n", "9 size=-1\n", "-5 a=b\n"}) {
    const std::string tar = file("pax", record, 'x') + good + kEnd;
    EXPECT_EQ(complaint(tar).empty(), std::string(record).empty()) << record;
  }
  EXPECT_TRUE(says(complaint(file("pax", "25 GNU.sparse.major=1\n...", 'x') + good + kEnd), "malformed"));
  EXPECT_TRUE(says(complaint(file("pax", "22 GNU.sparse.major=1\n", 'x') + good + kEnd), "sparse"));
}

TEST(Tar, CutShortAnywhereIsAnErrorNamingTheShard) {
  const std::string whole = file("a.jpg", std::string(700, 'x')) + file("b.jpg", "y") + kEnd;
  const size_t members = whole.size() - kEnd.size();
  for (size_t length = 0; length < members + 512; length += 64) {
    EXPECT_NE(complaint(whole.substr(0, length)), "") << length;
  }
  EXPECT_TRUE(says(complaint(whole.substr(0, 900)), "a.jpg: says it holds 700 bytes, but only 388 follow"));
  EXPECT_TRUE(says(complaint(whole.substr(0, members)), "cut short"));
}

TEST(Tar, ManyBitFlipsNeverCrash) {
  const std::string whole = file("././@LongLink", std::string(200, 'n'), 'L') + file("a.jpg", "xyz") +
                            file("pax", "16 path=pax.jpg\n", 'x') + file("b", "q") + kEnd;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string broken = whole;
    broken[at] ^= static_cast<char>(1 << at % 8);
    complaint(broken);
  }
}

TEST(Tar, MissingFileFolderAndLimit) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(TarFile(folder.path() / "none.tar"), Error);
  EXPECT_THROW(TarFile(folder.path()), Error);
  const TarFile tar(file("a.jpg", "12345") + kEnd, "a.tar");
  const auto member = tar.member(0);
  ASSERT_TRUE(member);
  EXPECT_THROW(tar.read(*member, 4), Error);
  TarMember outside = *member;
  outside.data = tar.size() - 1;
  EXPECT_THROW(tar.read(outside), Error);
  EXPECT_THROW(tar.member(-512), Error);
  EXPECT_THROW(tar.member(tar.size() + 512), Error);
}

TEST(TarSample, GroupsByStem) {
  const TarFile tar(file("README", "r") + file("a/0.jpg", "j") + file("a/0.SEG.png", "s") + file("a/0.json", "{}") +
                        file("b/0.jpg", "k") + file("__index__", "m") + file(".hidden", "h") + file("b/0.txt", "t") +
                        kEnd,
                    "a.tar");
  const auto first = sample_at(tar, 0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->key, "a/0");
  ASSERT_EQ(first->parts.size(), 3u);
  EXPECT_EQ(tar.read(*first->find("seg.png")), "s");
  EXPECT_EQ(first->find("txt"), nullptr);
  const auto second = sample_at(tar, first->next);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->key, "b/0");
  EXPECT_EQ(second->parts.size(), 2u);
  EXPECT_FALSE(sample_at(tar, second->next));
  // From its own offset on, a sample is found again.
  EXPECT_EQ(sample_at(tar, second->offset)->key, "b/0");
}

TEST(TarSample, OneExtensionTwiceIsAnError) {
  const TarFile tar(file("a.jpg", "j") + file("a.jpg", "k") + kEnd, "a.tar");
  EXPECT_THROW(sample_at(tar, 0), Error);
  EXPECT_FALSE(sample_at(TarFile(kEnd, "a.tar"), 0));
}

}  // namespace
}  // namespace cambium::io
