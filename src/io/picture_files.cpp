#include "io/picture_files.h"

#include <algorithm>

#include "core/error.h"
#include "io/image.h"

namespace cambium::io {
namespace fs = std::filesystem;

std::vector<fs::path> picture_files(const std::vector<std::string>& paths) {
  std::vector<fs::path> files;
  for (const auto& path : paths) {
    std::error_code code;
    if (!fs::exists(path, code)) throw Error({.what = "does not exist", .file = path, .mend = "check the path"});
    if (!fs::is_directory(path, code)) {
      files.emplace_back(path);
      continue;
    }
    const size_t before = files.size();
    fs::recursive_directory_iterator walk(path, fs::directory_options::skip_permission_denied, code), end;
    if (code) throw Error({.what = "cannot be read: " + code.message(), .file = path, .mend = "check its permissions"});
    for (; walk != end; walk.increment(code)) {
      if (code) break;
      const std::string name = walk->path().filename().string();
      if (name.front() == '.') {
        if (walk->is_directory(code)) walk.disable_recursion_pending();
        continue;
      }
      if (walk->is_regular_file(code) && has_image_extension(walk->path())) files.push_back(walk->path());
    }
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
    if (files.size() == before)
      throw Error(
          {.what = "holds no pictures", .file = path, .mend = "give a folder with JPEG, PNG, WebP, GIF or BMP files"});
  }
  return files;
}

}  // namespace cambium::io
