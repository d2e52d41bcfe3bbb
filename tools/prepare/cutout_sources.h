#pragma once
// Which files of which package are taken as objects or backgrounds, and which of them are held out. What is published
// from the pictures falls under their licences; only those that are_permissive (data/composite/pictures.h) go into
// weights that are given away.
#include <filesystem>
#include <functional>
#include <vector>

#include "data/composite/pictures.h"

namespace cambium::prepare {

using TakePicture = std::function<void(const data::composite::PictureInfo&, const io::Image&)>;

struct Source {
  const char* set;      // the first part of PictureInfo::set
  const char* package;  // and its version, as scripts/data fetches it
  const char* licence;
  const char* note;
};
const std::vector<Source>& sources();

// Objects, RGBA, at most 160 pixels a side, cropped to their outline.
void read_tuxpaint(const std::filesystem::path& downloads,
                   const TakePicture& take);  // photographs alone, drawings left out
void read_fluent(const std::filesystem::path& downloads, const TakePicture& take);  // base emoji, without skin tones
void read_openclipart(const std::filesystem::path& downloads, const TakePicture& take);

// Backgrounds, RGB: textures 256 pixels on the shorter side, photographs 320.
void read_openarena(const std::filesystem::path& downloads, const TakePicture& take);
void read_mate(const std::filesystem::path& downloads, const TakePicture& take);
void read_opencv(const std::filesystem::path& downloads, const TakePicture& take);
void read_scikit_image(const std::filesystem::path& downloads, const TakePicture& take);

}  // namespace cambium::prepare
