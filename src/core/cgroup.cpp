#include "core/cgroup.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace cambium {
namespace fs = std::filesystem;
namespace {

// The number a file holds; -1 if it is missing or says "max".
int64_t read_number(const fs::path& file) {
  std::ifstream stream(file);
  int64_t number = -1;
  return stream >> number ? number : -1;
}

int64_t read_statistic(const fs::path& file, const std::string& name) {
  std::ifstream stream(file);
  std::string key;
  int64_t number = 0;
  while (stream >> key >> number) {
    if (key == name) return number;
  }
  return 0;
}

int64_t least(int64_t a, int64_t b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

}  // namespace

int64_t cgroup_available_bytes(const fs::path& folder) {
  const bool second = fs::exists(folder / "memory.max");
  const int64_t limit = read_number(folder / (second ? "memory.max" : "memory.limit_in_bytes"));
  const int64_t used = read_number(folder / (second ? "memory.current" : "memory.usage_in_bytes"));
  if (limit < 0 || used < 0 || limit > int64_t{1} << 60) return -1;  // version 1 says "none" by a huge number
  const int64_t droppable = read_statistic(folder / "memory.stat", second ? "inactive_file" : "total_inactive_file");
  return std::max<int64_t>(0, limit - used + droppable);
}

int64_t cgroup_available_bytes() {
  const fs::path root = "/sys/fs/cgroup";
  int64_t available = -1;
  std::ifstream stream("/proc/self/cgroup");  // "0::/a/b" (version 2) or "4:memory:/a/b"
  for (std::string line; std::getline(stream, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers != "memory") continue;
    const fs::path base = controllers.empty() ? root : root / controllers;
    // A container may see its own group as the root: the path is then of the host, and only the base exists.
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path())
      available = least(available, cgroup_available_bytes(base / group));
    available = least(available, cgroup_available_bytes(base));
  }
  return available;
}

}  // namespace cambium
