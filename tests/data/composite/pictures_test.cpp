#include "data/composite/pictures.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "data/composite/toy_pictures.h"
#include "io/tar.h"
#include "support/temporary_directory.h"

namespace cambium::data::composite {
namespace {

void write_objects(const std::filesystem::path& folder, const std::string& json, const io::Image& image) {
  io::TarWriter tar(folder / "objects.tar");
  tar.add("toys/red.png", io::encode_png(image));
  tar.add("toys/red.json", json);
  tar.commit();
}

const char* kJson = R"({"set": "toys", "licence": "MIT", "split": "validation"})";

std::string error_of(const std::filesystem::path& folder) {
  try {
    read_objects(folder, [](const PictureInfo&) { return true; });
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(StockPictures, ComeWithTheirSetLicenceAndSplit) {
  const test::TemporaryDirectory folder;
  write_objects(folder.path(), kJson, disc(20, {1, 2, 3}));
  const auto pictures =
      read_objects(folder.path(), [](const PictureInfo& info) { return info.split == Split::validation; });
  ASSERT_EQ(pictures.size(), 1U);
  EXPECT_EQ(pictures[0].info.name, "toys/red");
  EXPECT_EQ(pictures[0].info.licence, "MIT");
  EXPECT_EQ(pictures[0].image.channels, 4);
}

TEST(StockPictures, FaultsNameTheFileAndTheMend) {
  const test::TemporaryDirectory folder;
  EXPECT_NE(error_of(folder.path()).find("objects.tar"), std::string::npos);
  write_objects(folder.path(), R"({"set": "toys", "licence": "MIT", "split": "exam"})", disc(20, {1, 2, 3}));
  EXPECT_NE(error_of(folder.path()).find("exam"), std::string::npos);
  write_objects(folder.path(), R"({"set": "toys"})", disc(20, {1, 2, 3}));
  EXPECT_NE(error_of(folder.path()).find("toys/red.json"), std::string::npos);
  write_objects(folder.path(), kJson, stripes(8, 8));
  EXPECT_NE(error_of(folder.path()).find("without alpha"), std::string::npos);
  write_objects(folder.path(), kJson, disc(20, {1, 2, 3}));
  EXPECT_THROW(read_objects(folder.path(), [](const PictureInfo&) { return false; }), Error);
}

TEST(StockPictures, OnlyFreeLicencesArePermissive) {
  for (const char* licence : {"MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "public-domain"})
    EXPECT_TRUE(is_permissive(licence)) << licence;
  for (const char* licence : {"GPL-2", "GPL-2+", "CC-BY-SA-4.0", "CC-BY-4.0", ""})
    EXPECT_FALSE(is_permissive(licence)) << licence;
}

}  // namespace
}  // namespace cambium::data::composite
