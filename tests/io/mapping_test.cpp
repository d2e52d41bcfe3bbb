#include "io/mapping.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "io/dtype.h"

namespace cambium::io {
namespace {

struct MappingTest : testing::Test {
  MappingTest() {
    std::ofstream(path, std::ios::binary) << std::string(3 * page, 'f');
    bytes = map_file(path);
    std::fill_n(bytes.data, bytes.size, std::byte{'m'});  // changes of this process alone
  }
  ~MappingTest() override { std::filesystem::remove(path); }

  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cambium_mapping_test_" + std::to_string(getpid()));
  SharedBytes bytes;
};

TEST_F(MappingTest, WholePagesComeFromTheFileAgain) {
  give_back_pages(bytes, bytes.data + 1, 2 * page);  // holds the second page alone whole
  EXPECT_EQ(bytes.view().substr(0, page), std::string(page, 'm'));
  EXPECT_EQ(bytes.view().substr(page, page), std::string(page, 'f'));
  EXPECT_EQ(bytes.view().substr(2 * page), std::string(page, 'm'));
}

TEST_F(MappingTest, ATensorThatDiesGivesItsPagesBack) {
  const std::vector<int64_t> sizes = {static_cast<int64_t>(page)};
  {
    const at::Tensor view = tensor_over(bytes, page, sizes, at::kByte).slice(0, 0, 1);
    EXPECT_EQ(view.item<uint8_t>(), 'm');  // as long as a view lives
  }
  EXPECT_EQ(bytes.view().substr(page, page), std::string(page, 'f'));
}

TEST_F(MappingTest, OtherMemoryIsLeftAlone) {
  const SharedBytes block = copy_bytes(std::string(3 * page, 'h'));
  give_back_pages(block, block.data, block.size);
  EXPECT_EQ(block.view(), std::string(3 * page, 'h'));
}

}  // namespace
}  // namespace cambium::io
