#pragma once
// The pictures that composites are made of, as `cambium-prepare cutouts` wrote them: objects.tar (cut-outs with alpha)
// and backgrounds.tar (textures and photos), each picture with a small JSON that names its set, its licence and its
// split.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "io/image.h"

namespace cambium::data::composite {

// Whole objects and whole sets of backgrounds belong to one split.
enum class Split { train, validation, test };
std::string to_string(Split split);
// "train", "validation" or "test"; Error naming `source` otherwise.
Split parse_split(const std::string& name, const std::string& source);

struct PictureInfo {
  std::string name = {};     // "tuxpaint/animals/birds/blackbird"
  std::string set = {};      // "tuxpaint", "openarena/stone"
  std::string licence = {};  // "GPL-2", "MIT", "BSD-3-Clause", "CC0-1.0"
  Split split = Split::train;
};

struct StockPicture {
  PictureInfo info = {};
  io::Image image = {};  // RGBA for objects, RGB for backgrounds
};

// MIT, Apache, BSD and public domain: what weights that are given away may be trained on.
bool is_permissive(const std::string& licence);

// Whether a picture is wanted, before it is decoded.
using PictureFilter = std::function<bool(const PictureInfo&)>;

// The pictures of one tar that `wanted` takes, in the tar's order. Error naming the file where it is missing, damaged,
// or holds none that are wanted.
std::vector<StockPicture> read_objects(const std::filesystem::path& folder, const PictureFilter& wanted);
std::vector<StockPicture> read_backgrounds(const std::filesystem::path& folder, const PictureFilter& wanted);

}  // namespace cambium::data::composite
