#pragma once
// Members of a downloaded package (.tgz), read in place.
#include <filesystem>
#include <functional>
#include <string>

namespace cambium::prepare {

// Calls `member(name, bytes)` for every file of the archive; names without npm's leading "package/".
void read_package(const std::filesystem::path& archive,
                  const std::function<void(const std::string& name, std::string bytes)>& member);

}  // namespace cambium::prepare
