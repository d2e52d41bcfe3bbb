#include "io/zip_archive.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/zip_writer.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

std::string sample() {
  const test::TemporaryDirectory folder;
  ZipWriter zip(folder.path() / "a.zip");
  zip.add("a/one", "first");
  zip.add("a/two", "second");
  zip.add("a/empty", "");
  zip.commit();
  return read_file(folder.path() / "a.zip");
}

std::string refusal(const std::string& bytes) {
  try {
    const ZipArchive archive(copy_bytes(bytes), "a.zip");
    for (const auto& member : archive.members()) archive.read(member);
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "a.zip");
    return error.what();
  }
  return "(accepted)";
}

// The bytes with `value` (little-endian) at `offset` after the last place where `signature` stands.
template <class T>
std::string patched(std::string bytes, const std::string& signature, size_t offset, T value) {
  const size_t at = bytes.rfind(signature) + offset;
  return bytes.replace(at, sizeof value, reinterpret_cast<const char*>(&value), sizeof value);
}

const std::string kEnd("PK\5\6", 4), kDirectory("PK\1\2", 4);

TEST(ZipArchive, MembersInPlaceAt64Bytes) {
  const std::string bytes = sample();
  const SharedBytes shared = copy_bytes(bytes);
  const ZipArchive archive(shared, "a.zip");
  ASSERT_EQ(archive.members().size(), 3u);
  EXPECT_EQ(archive.read(*archive.find("a/one")).view(), "first");
  EXPECT_EQ(archive.read(*archive.find("a/two")).view(), "second");
  EXPECT_EQ(archive.read(*archive.find("a/empty")).view(), "");
  EXPECT_EQ(archive.find("a/three"), nullptr);
  for (const auto& member : archive.members()) EXPECT_EQ(member.offset % 64, 0u);
  EXPECT_EQ(archive.read(archive.members()[0]).data, shared.data + archive.members()[0].offset);
}

TEST(ZipArchive, ACommentAtTheEndIsAllowed) {
  EXPECT_EQ(refusal(patched(sample(), kEnd, 20, uint16_t{5}) + "hello"), "(accepted)");
}

TEST(ZipArchiveBad, EveryTruncation) {
  const std::string bytes = sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(refusal(bytes.substr(0, size)).find("is truncated"), std::string::npos) << size;
  }
}

TEST(ZipArchiveBad, Damage) {
  const std::string bytes = sample();
  const auto expect = [](const std::string& damaged, const std::string& says) {
    EXPECT_NE(refusal(damaged).find(says), std::string::npos) << refusal(damaged);
  };
  expect(patched(bytes, kEnd, 10, uint16_t{60000}), "is truncated");           // more members than there are
  expect(patched(bytes, kEnd, 12, uint32_t{0xfffffff0}), "outside the file");  // directory size
  expect(patched(bytes, kEnd, 16, uint32_t{0xfffffff0}), "outside the file");  // directory offset
  expect(patched(bytes, kEnd, 16, uint32_t{0}), "damaged zip directory");
  expect(patched(bytes, kDirectory, 8, uint16_t{1}), "a/empty: is encrypted");
  expect(patched(bytes, kDirectory, 10, uint16_t{14}), "a/empty: is compressed by zip's method 14");
  expect(patched(bytes, kDirectory, 20, uint32_t{5}), "a/empty: has two sizes");
  expect(patched(patched(bytes, kDirectory, 20, uint32_t{5000}), kDirectory, 24, uint32_t{5000}),
         "ends outside the file");
  expect(patched(bytes, kDirectory, 42, uint32_t{0xfffffff0}), "lies outside the file");
  expect(patched(bytes, kDirectory, 42, uint32_t{1}), "has no header where");
}

TEST(ZipArchiveBad, TwoMembersOnTheSameBytesOrOfOneName) {
  std::string bytes = sample();
  // The last member moved onto the first's header and bytes.
  std::string overlapping = patched(bytes, kDirectory, 42, uint32_t{0});
  overlapping = patched(patched(overlapping, kDirectory, 20, uint32_t{5}), kDirectory, 24, uint32_t{5});
  EXPECT_NE(refusal(overlapping).find("overlaps the bytes of"), std::string::npos) << refusal(overlapping);
  bytes.replace(bytes.rfind("a/two"), 5, "a/one");
  EXPECT_NE(refusal(bytes).find("a/one: appears twice"), std::string::npos) << refusal(bytes);
}

TEST(ZipArchiveBad, ADeflatedMemberThatClaimsMoreThanDeflateCanGive) {
  std::string bytes = patched(sample(), kDirectory, 10, uint16_t{8});
  bytes = patched(patched(bytes, kDirectory, 20, uint32_t{4}), kDirectory, 24, uint32_t{0xf0000000});
  EXPECT_NE(refusal(bytes).find("a/empty: has a size that compression does not reach"), std::string::npos)
      << refusal(bytes);
  bytes = patched(bytes, kDirectory, 24, uint32_t{100});
  EXPECT_NE(refusal(bytes).find("a/empty: is damaged"), std::string::npos) << refusal(bytes);
}

}  // namespace
}  // namespace cambium::io
