#pragma once
// Members of downloaded packages (npm's .tgz, Debian's .deb, wheels and other zip files), read in place.
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace cambium::prepare {

using Member = std::function<void(const std::string& name, std::string bytes)>;
// Whether a member is to be read at all; large packages hold few files that are wanted.
using Wanted = std::function<bool(const std::string& name)>;

// Calls `member(name, bytes)` for every file of the archive; names without npm's leading "package/".
void read_package(const std::filesystem::path& archive, const Member& member);

// The same for any tar or zip archive, or the data of a Debian package, for the files that are wanted. Names are those
// in the archive, without a leading "./".
void read_archive(const std::filesystem::path& archive, const Wanted& wanted, const Member& member);
// Of an archive in memory; `source` names it in errors.
void read_archive(std::string_view bytes, const std::string& source, const Wanted& wanted, const Member& member);

// The one file in `downloads` whose name begins with `prefix` and ends with `ending`. Error where there is none.
std::filesystem::path find_package(const std::filesystem::path& downloads, const std::string& prefix,
                                   const std::string& ending);

}  // namespace cambium::prepare
