#include <algorithm>
#include <set>

#include "archive.h"
#include "core/error.h"
#include "core/random.h"
#include "cutout_sources.h"
#include "io/resize.h"
#include "io/svg.h"

namespace cambium::prepare {
namespace {

using data::composite::PictureInfo;
using data::composite::Split;
namespace fs = std::filesystem;

constexpr int64_t kSide = 160;  // pixels, of an object's longer side

bool contains_any(const std::string& text, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return text.find(part) != std::string::npos; });
}

// Objects that look alike carry names that begin alike ("apple_red", "apple_fuji", "grave2"): they are held out
// together.
Split split_of(const std::string& path, int64_t validation_percent, int64_t test_percent) {
  const std::string stem = fs::path(path).stem().string();
  const size_t end = std::min(stem.find_first_of("_-0123456789", 1), stem.size());
  const auto place =
      static_cast<int64_t>(mix_seed(29, fs::path(path).parent_path().string() + "/" + stem.substr(0, end)) % 100);
  return place < test_percent                        ? Split::test
         : place < test_percent + validation_percent ? Split::validation
                                                     : Split::train;
}

// Tar members' endings begin at the first dot.
std::string member_name(const std::string& set, fs::path path) {
  std::string name = set + "/" + path.replace_extension().string();
  std::replace(name.begin(), name.end(), '.', '_');
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

// The outline's box, reduced to kSide. Empty where hardly anything is opaque.
io::Image trimmed(const io::Image& image) {
  int64_t left = image.width, right = -1, top = image.height, bottom = -1;
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* row = image.row(y);
    for (int64_t x = 0; x < image.width; ++x) {
      if (row[4 * x + 3] < 64) continue;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = std::max(bottom, y);
    }
  }
  if (right - left < 16 || bottom - top < 16) return {};
  io::Image cut = io::crop(image, left, top, right - left + 1, bottom - top + 1);
  const auto size = io::long_side_size(cut.width, cut.height, kSide);
  if (size.width >= cut.width || size.width < 1 || size.height < 1) return cut;
  return io::resize(cut, size.width, size.height, io::Filter::bicubic);
}

struct Statistics {
  double opaque = 0;  // share of the pixels
  double clear = 0;
  double shades = 0;  // distinct colours (6 bits a channel) over the square root of the opaque pixels
};

Statistics measure(const io::Image& image) {
  std::set<uint32_t> colours;
  int64_t opaque = 0, clear = 0;
  for (int64_t i = 0; i < image.width * image.height; ++i) {
    const uint8_t* p = image.pixels.data() + 4 * i;
    if (p[3] > 200) {
      ++opaque;
      colours.insert(static_cast<uint32_t>(p[0] >> 2) << 12 | static_cast<uint32_t>(p[1] >> 2) << 6 |
                     static_cast<uint32_t>(p[2] >> 2));
    }
    clear += p[3] < 30;
  }
  const auto pixels = static_cast<double>(image.width * image.height);
  return {static_cast<double>(opaque) / pixels, static_cast<double>(clear) / pixels,
          static_cast<double>(colours.size()) / std::sqrt(std::max<double>(1, static_cast<double>(opaque)))};
}

}  // namespace

void read_tuxpaint(const fs::path& downloads, const TakePicture& take) {
  const std::string root = "usr/share/tuxpaint/stamps/";
  const auto wanted = [&](const std::string& name) {
    return name.starts_with(root) && name.ends_with(".png") &&
           !contains_any(name,
                         {"/symbols/", "cartoon", "/flags/", "/roadsigns/", "hanukkah", "/plastic/", "grave", "/t_"});
  };
  read_archive(find_package(downloads, "tuxpaint-stamps-default_", ".deb"), wanted,
               [&](const std::string& name, const std::string& bytes) {
                 const io::Image image = io::decode_image(bytes, name);
                 if (image.channels != 4) return;
                 const Statistics seen = measure(image);
                 // A photograph has many shades, a drawing few; a cut-out has both object and surroundings.
                 if (seen.opaque < 0.05 || seen.opaque > 0.93 || seen.clear < 0.05 || seen.shades < 3.8) return;
                 const io::Image cut = trimmed(image);
                 if (std::min(cut.width, cut.height) < 40) return;
                 const std::string path = name.substr(root.size());
                 take({.name = member_name("tuxpaint", path),
                       .set = "tuxpaint",
                       .licence = "GPL-2",
                       .split = split_of(path, 12, 20)},
                      cut);
               });
}

void read_fluent(const fs::path& downloads, const TakePicture& take) {
  read_package(find_package(downloads, "lobehub-fluent-emoji-3d-1", ".tgz"),
               [&](const std::string& name, const std::string& bytes) {
                 const fs::path path(name);
                 // Skin tones are the same drawing five times over.
                 if (path.extension() != ".webp" || contains_any(name, {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}))
                   return;
                 const io::Image image = io::decode_image(bytes, name);
                 if (image.channels != 4) return;
                 const io::Image cut = trimmed(image);
                 if (cut.empty() || measure(cut).opaque > 0.97) return;  // a bare square is no outline to learn
                 take({.name = member_name("fluent", path.filename()),
                       .set = "fluent",
                       .licence = "MIT",
                       .split = split_of(path.filename().string(), 5, 0)},
                      cut);
               });
}

void read_openclipart(const fs::path& downloads, const TakePicture& take) {
  const std::string root = "usr/share/openclipart/svg/";
  const std::set<std::string> folders = {"animals",    "plants",    "food",   "tools",       "transportation",
                                         "recreation", "buildings", "people", "electronics", "containers"};
  const auto wanted = [&](const std::string& name) {
    if (!name.starts_with(root) || !name.ends_with(".svg")) return false;
    return folders.count(name.substr(root.size(), name.find('/', root.size()) - root.size())) > 0 &&
           !contains_any(name, {"/aiga-symbols/", "/roadsigns/", "/cards/", "/stickmen/", "/smilies/", "/dice/"});
  };
  read_archive(find_package(downloads, "openclipart-svg_", ".deb"), wanted,
               [&](const std::string& name, const std::string& bytes) {
                 if (bytes.size() > 300'000) return;  // a few drawings take seconds each
                 io::Image image;
                 try {
                   image = io::render_svg(bytes, name, 2 * kSide, 2 * kSide);
                 } catch (const Error&) {
                   return;  // some of the collection are not sound
                 }
                 const io::Image cut = trimmed(image);
                 if (cut.empty()) return;
                 const Statistics seen = measure(cut);
                 if (seen.opaque < 0.15 || seen.opaque > 0.93 || seen.shades < 0.2)
                   return;  // line drawings and filled squares
                 const std::string path = name.substr(root.size());
                 take({.name = member_name("openclipart", path),
                       .set = "openclipart",
                       .licence = "public-domain",
                       .split = split_of(path, 5, 0)},
                      cut);
               });
}

}  // namespace cambium::prepare
