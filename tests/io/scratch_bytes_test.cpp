#include "io/scratch_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"

namespace cambium::io {
namespace {

namespace fs = std::filesystem;

TEST(ScratchBytes, HoldsWhatIsWrittenAndLeavesNoFile) {
  const fs::path folder = fs::path(testing::TempDir()) / "scratch_bytes";
  fs::create_directories(folder);
  {
    const SharedBytes bytes = scratch_bytes(100'000, folder);
    ASSERT_EQ(bytes.size, 100'000u);
    EXPECT_TRUE(std::all_of(bytes.data, bytes.data + bytes.size, [](std::byte b) { return b == std::byte{0}; }));
    bytes.data[99'999] = std::byte{7};
    EXPECT_EQ(bytes.data[99'999], std::byte{7});
    EXPECT_TRUE(fs::is_empty(folder));  // nameless from the start: a crash leaves nothing
  }
  fs::remove(folder);
}

TEST(ScratchBytes, SaysWhichFolderIsMissing) {
  try {
    scratch_bytes(10, "/no/such/folder");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "/no/such/folder");
  }
}

TEST(ScratchBytes, SaysThatTheDiskIsFullBeforeItIs) {
  EXPECT_THROW(scratch_bytes(size_t{1} << 60, testing::TempDir()), Error);
}

}  // namespace
}  // namespace cambium::io
