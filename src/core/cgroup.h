#pragma once
// Memory limits of containers (Kubernetes, Docker, Slurm): Linux control groups, versions 1 and 2.
#include <cstdint>
#include <filesystem>

namespace cambium {

// Bytes that may still be had under the limit of the control group in `folder` (memory.max or memory.limit_in_bytes;
// file pages that can be dropped count as free); -1 if there is no limit or no such folder.
int64_t cgroup_available_bytes(const std::filesystem::path& folder);

// The least of that over this process's groups and their parents; -1 without a limit.
int64_t cgroup_available_bytes();

}  // namespace cambium
