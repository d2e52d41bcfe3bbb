#include "data/composite/pictures.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/tar.h"

namespace cambium::data::composite {
namespace {

PictureInfo parse_info(const std::string& key, const std::string& text, const std::string& source) {
  const nlohmann::json parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    return {.name = key,
            .set = parsed.at("set"),
            .licence = parsed.at("licence"),
            .split = parse_split(parsed.at("split").get<std::string>(), source)};
  } catch (const nlohmann::json::exception&) {
    throw Error({.what = "does not say set, licence and split",
                 .file = source,
                 .field = key + ".json",
                 .mend = "run scripts/data sam_adapter again"});
  }
}

std::vector<StockPicture> read(const std::filesystem::path& file, const PictureFilter& wanted, int64_t channels) {
  const io::TarFile tar(file);
  std::vector<StockPicture> pictures;
  for (int64_t at = 0;;) {
    const auto sample = io::sample_at(tar, at);
    if (!sample) break;
    at = sample->next;
    const io::TarMember* text = sample->find("json");
    const io::TarMember* picture = sample->find("png");
    if (!picture) picture = sample->find("jpg");
    if (!text || !picture) {
      throw Error({.what = "lacks its picture or its JSON",
                   .file = file.string(),
                   .field = sample->key,
                   .mend = "run scripts/data sam_adapter again"});
    }
    PictureInfo info = parse_info(sample->key, tar.read(*text), file.string());
    if (!wanted(info)) continue;
    io::Image image = io::decode_image(tar.read(*picture), file.string() + ": " + picture->name);
    if (channels == 4 && image.channels != 4) {
      throw Error({.what = "is a cut-out without alpha",
                   .file = file.string(),
                   .field = picture->name,
                   .mend = "run scripts/data sam_adapter again"});
    }
    if (channels == 3) image = io::to_rgb(std::move(image));
    pictures.push_back({std::move(info), std::move(image)});
  }
  if (pictures.empty()) {
    throw Error({.what = "holds none of the pictures that are wanted",
                 .file = file.string(),
                 .mend = "run scripts/data sam_adapter again"});
  }
  return pictures;
}

}  // namespace

std::string to_string(Split split) {
  return split == Split::train ? "train" : split == Split::validation ? "validation" : "test";
}

Split parse_split(const std::string& name, const std::string& source) {
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    if (name == to_string(split)) return split;
  }
  throw Error({.what = "\"" + name + "\" is no split", .file = source, .mend = "it is train, validation or test"});
}

bool is_permissive(const std::string& licence) {
  for (const char* known : {"MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "public-domain"}) {
    if (licence == known) return true;
  }
  return false;
}

std::vector<StockPicture> read_objects(const std::filesystem::path& folder, const PictureFilter& wanted) {
  return read(folder / "objects.tar", wanted, 4);
}

std::vector<StockPicture> read_backgrounds(const std::filesystem::path& folder, const PictureFilter& wanted) {
  return read(folder / "backgrounds.tar", wanted, 3);
}

}  // namespace cambium::data::composite
