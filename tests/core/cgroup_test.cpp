#include "core/cgroup.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/device.h"
#include "support/temporary_directory.h"

namespace cambium {
namespace {

TEST(Cgroup, ReadsBothVersionsAndTheirAbsence) {
  const test::TemporaryDirectory folder;
  EXPECT_EQ(cgroup_available_bytes(folder.path() / "none"), -1);
  const auto two = folder.path() / "two", one = folder.path() / "one";
  write_file(two / "memory.max", "max\n");
  write_file(two / "memory.current", "300\n");
  EXPECT_EQ(cgroup_available_bytes(two), -1);
  write_file(two / "memory.max", "1000\n");
  EXPECT_EQ(cgroup_available_bytes(two), 700);
  write_file(two / "memory.stat", "anon 250\ninactive_file 50\n");
  EXPECT_EQ(cgroup_available_bytes(two), 750);
  write_file(two / "memory.current", "2000\n");
  EXPECT_EQ(cgroup_available_bytes(two), 0);
  write_file(one / "memory.limit_in_bytes", "9223372036854771712\n");
  write_file(one / "memory.usage_in_bytes", "100\n");
  EXPECT_EQ(cgroup_available_bytes(one), -1);
  write_file(one / "memory.limit_in_bytes", "1000\n");
  EXPECT_EQ(cgroup_available_bytes(one), 900);
}

TEST(Cgroup, LimitsWhatIsAvailable) {
  const int64_t group = cgroup_available_bytes(), available = available_memory_bytes();
  EXPECT_GT(available, 0);
  if (group >= 0) {
    EXPECT_LE(available, group + (int64_t{64} << 20));  // other processes move both numbers
  }
}

}  // namespace
}  // namespace cambium
