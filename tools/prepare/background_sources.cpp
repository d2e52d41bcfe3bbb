#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "archive.h"
#include "cutout_sources.h"
#include "io/resize.h"

namespace cambium::prepare {
namespace {

using data::composite::PictureInfo;
using data::composite::Split;
namespace fs = std::filesystem;

io::Image reduced(io::Image image, int64_t short_side) {
  image = io::to_rgb(std::move(image));
  return std::min(image.width, image.height) > short_side
             ? io::resize_short_side(image, short_side, io::Filter::bicubic)
             : image;
}

std::string member_name(const std::string& set, const std::string& stem) {
  std::string name = set + "/" + stem;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

// Mean and standard deviation of the luma, 0 to 255.
std::pair<double, double> brightness(const io::Image& image) {
  const io::Image grey = io::to_grey(image);
  double sum = 0, squares = 0;
  for (const uint8_t value : grey.pixels) sum += value, squares += static_cast<double>(value) * value;
  const auto count = static_cast<double>(grey.pixels.size());
  return {sum / count, std::sqrt(std::max(0.0, squares / count - sum * sum / (count * count)))};
}

// Photographs by name, whole pictures to a split.
void read_photos(const fs::path& archive, const std::string& root, const std::string& set,
                 const std::map<std::string, Split>& photos, const std::map<std::string, std::string>& licences,
                 const TakePicture& take) {
  const auto wanted = [&](const std::string& name) {
    return name.starts_with(root) && photos.count(name.substr(root.size())) > 0;
  };
  read_archive(archive, wanted, [&](const std::string& name, const std::string& bytes) {
    const std::string path = name.substr(root.size());
    const auto own = licences.find(path);
    std::string stem = fs::path(path).replace_extension().string();
    std::replace(stem.begin(), stem.end(), '/', '-');
    take({.name = member_name(set, stem),
          .set = set + "/" + stem,
          .licence = own != licences.end() ? own->second : licences.at(""),
          .split = photos.at(path)},
         reduced(io::decode_image(bytes, name), 320));
  });
}

}  // namespace

const std::vector<Source>& sources() {
  static const std::vector<Source> all = {
      {"tuxpaint", "tuxpaint-stamps-default 2022.06.04-1 (Debian)", "GPL-2", "Photographs with their outline."},
      {"fluent", "@lobehub/fluent-emoji-3d 1.1.0 (npm)", "MIT", "Art by Microsoft."},
      {"openclipart", "openclipart-svg 1:0.18+dfsg-19 (Debian)", "public domain", "Open Clip Art Library."},
      {"openarena", "openarena-081-textures 0.8.5split-14 (Debian)", "GPL-2+", "Textures."},
      {"mate", "mate-backgrounds 1.26.0-1 (Debian)", "GPL-2+", "Photographs of nature."},
      {"opencv", "opencv-doc 4.6.0+dfsg-12 (Debian)", "Apache-2.0", "Sample photographs."},
      {"scikit-image", "scikit-image 0.26.0 (PyPI)", "CC0, public domain and BSD-3-Clause", "Sample photographs."}};
  return all;
}

void read_openarena(const fs::path& downloads, const TakePicture& take) {
  // Textures of one folder are made alike: a folder belongs to one split.
  const std::map<std::string, Split> held_out = {{"acc_dm5", Split::test},
                                                 {"gothic_floor", Split::test},
                                                 {"gothic_wall", Split::test},
                                                 {"stone", Split::test},
                                                 {"organics", Split::test},
                                                 {"proto2", Split::test},
                                                 {"nki", Split::test},
                                                 {"evil8_wall", Split::test},
                                                 {"e7", Split::validation},
                                                 {"terrain", Split::validation},
                                                 {"cosmo_block", Split::validation},
                                                 {"base_wall2", Split::validation},
                                                 {"evil4_walls", Split::validation},
                                                 {"mc-oa-dm04", Split::validation}};
  // Lamps, signs, sprites, switches and plain colours.
  const std::set<std::string> unfit = {
      "sfx",          "sfx2",         "common",        "flares",       "ctf",         "ctf2",         "skies",
      "symbols",      "suction",      "pulchr_simple", "pulchr_light", "pulchr_sfx",  "pulchr_skies", "cosmo_sfx",
      "cosmo_light",  "base_light",   "gothic_light",  "base_door",    "gothic_door", "base_button",  "gothic_button",
      "evil6_lights", "evil8_lights", "evil8_fx",      "oa_fogs",      "mapobjects",  "base_trim"};
  const std::vector<const char*> unfit_parts = {"sky", "light", "logo", "midtrim", "killblock", "skull", "_sku"};
  const std::string root = "textures/";
  const auto texture = [&](const std::string& name) {
    if (!name.starts_with(root) || !name.ends_with(".jpg")) return false;
    const std::string folder = name.substr(root.size(), name.find('/', root.size()) - root.size());
    const std::string stem = fs::path(name).stem().string();
    // '+': frames of an animation
    return !unfit.count(folder) && stem[0] != '+' &&
           std::none_of(unfit_parts.begin(), unfit_parts.end(),
                        [&](const char* part) { return stem.find(part) != std::string::npos; });
  };
  const fs::path package = find_package(downloads, "openarena-081-textures_", ".deb");
  const auto pack = [](const std::string& name) { return name.ends_with(".pk3"); };
  read_archive(package, pack, [&](const std::string& inner, const std::string& zip) {
    read_archive(zip, package.string() + ": " + inner, texture, [&](const std::string& name, const std::string& bytes) {
      const io::Image image = reduced(io::decode_image(bytes, name), 256);
      const int64_t shorter = std::min(image.width, image.height), longer = std::max(image.width, image.height);
      const auto [mean, deviation] = brightness(image);
      if (shorter < 128 || longer > 2 * shorter || mean < 25 || mean > 225 || deviation < 8 || deviation > 70) return;
      const std::string folder = name.substr(root.size(), name.find('/', root.size()) - root.size());
      const auto found = held_out.find(folder);
      const std::string stem = fs::path(name).stem().string();
      take({.name = member_name("openarena/" + folder, stem),
            .set = "openarena/" + folder,
            .licence = "GPL-2+",
            .split = found == held_out.end() ? Split::train : found->second},
           image);
    });
  });
}

void read_mate(const fs::path& downloads, const TakePicture& take) {
  read_photos(find_package(downloads, "mate-backgrounds_", ".deb"), "usr/share/backgrounds/mate/nature/", "mate",
              {{"Aqua.jpg", Split::validation},
               {"Blinds.jpg", Split::test},
               {"Dune.jpg", Split::test},
               {"FreshFlower.jpg", Split::test},
               {"Garden.jpg", Split::test},
               {"GreenMeadow.jpg", Split::test},
               {"LadyBird.jpg", Split::validation},
               {"RainDrops.jpg", Split::validation},
               {"Storm.jpg", Split::test},
               {"TwoWings.jpg", Split::test},
               {"Wood.jpg", Split::test},
               {"YellowFlower.jpg", Split::test}},
              {{"", "GPL-2+"}}, take);
}

void read_opencv(const fs::path& downloads, const TakePicture& take) {
  std::map<std::string, Split> photos;
  for (const char* name : {"data/aero1.jpg",
                           "data/aloeL.jpg",
                           "data/apple.jpg",
                           "data/board.jpg",
                           "data/building.jpg",
                           "data/butterfly.jpg",
                           "data/box_in_scene.png",
                           "data/chicky_512.png",
                           "data/ela_original.jpg",
                           "data/left.jpg",
                           "data/left01.jpg",
                           "data/orange.jpg",
                           "data/stuff.jpg",
                           "alphamat/input_images/plant.jpg",
                           "dnn_superres/butterfly.png",
                           "hfs/data/000.jpg",
                           "hfs/data/001.jpg",
                           "reg/home.png",
                           "text/scenetext01.jpg",
                           "text/scenetext02.jpg",
                           "text/scenetext03.jpg",
                           "text/scenetext04.jpg",
                           "text/scenetext05.jpg"}) {
    photos[name] = Split::train;
  }
  for (const char* name : {"data/fruits.jpg", "data/home.jpg", "hfs/data/002.jpg", "text/scenetext06.jpg"})
    photos[name] = Split::validation;
  read_photos(find_package(downloads, "opencv-doc_", ".deb"), "usr/share/doc/opencv-doc/examples/", "opencv", photos,
              {{"", "Apache-2.0"}}, take);
}

void read_scikit_image(const fs::path& downloads, const TakePicture& take) {
  read_photos(find_package(downloads, "scikit_image-", ".whl"), "skimage/data/", "scikit-image",
              {{"astronaut.png", Split::train},
               {"brick.png", Split::train},
               {"camera.png", Split::train},
               {"chelsea.png", Split::train},
               {"coffee.png", Split::validation},
               {"coins.png", Split::train},
               {"grass.png", Split::train},
               {"gravel.png", Split::train},
               {"hubble_deep_field.jpg", Split::train},
               {"moon.png", Split::train},
               {"rocket.jpg", Split::validation}},
              {{"", "CC0-1.0"},
               {"astronaut.png", "public-domain"},
               {"hubble_deep_field.jpg", "public-domain"},
               {"moon.png", "public-domain"},
               {"coins.png", "BSD-3-Clause"}},
              take);
}

}  // namespace cambium::prepare
