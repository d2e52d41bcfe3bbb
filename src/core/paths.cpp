#include "core/paths.h"

#include <cstdlib>

#include "core/error.h"

namespace cambium {
namespace fs = std::filesystem;

fs::path cache_dir() {
  if (const char* cache = std::getenv("CAMBIUM_CACHE"); cache && *cache) return cache;
  const char* home = std::getenv("HOME");
  return fs::path(home && *home ? home : "/tmp") / ".cache" / "cambium";
}

fs::path shared_file(const std::string& relative) {
  std::error_code code;
  if (const char* share = std::getenv("CAMBIUM_SHARE"); share && *share) {
    if (fs::exists(fs::path(share) / relative, code)) return fs::path(share) / relative;
  }
  // build/<preset>/bin/cambium -> the source tree; <prefix>/bin/cambium -> <prefix>/share/cambium.
  const fs::path binary = fs::read_symlink("/proc/self/exe", code);
  const fs::path bin = binary.parent_path();
  for (const fs::path& root :
       {bin.parent_path() / "share" / "cambium", bin.parent_path().parent_path().parent_path()}) {
    if (fs::exists(root / relative, code)) return root / relative;
  }
  throw Error({.what = "is neither here nor among the files that come with cambium",
               .file = relative,
               .mend = "check the path, or set CAMBIUM_SHARE to the source tree"});
}

}  // namespace cambium
