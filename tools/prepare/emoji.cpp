#include "emoji.h"

#include <nlohmann/json.hpp>
#include <map>
#include <set>

#include "archive.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "data/emoji/catalog.h"
#include "io/resize.h"
#include "io/svg.h"
#include "io/tar.h"

namespace cambium::prepare {
namespace {

using data::emoji::Emoji;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr int64_t kSide = 128;  // pixels; training crops and resizes from it

// hexcode -> picture, for one style.
using Pictures = std::map<std::string, io::Image>;

// Iconify's layout: chars.json maps code points to icon names, icons.json holds bodies (and aliases) and the view box.
Pictures iconify(const fs::path& archive, const std::vector<Emoji>& catalog, const std::string& title) {
  json chars, icons;
  read_package(archive, [&](const std::string& name, std::string bytes) {
    if (name == "chars.json") chars = json::parse(bytes);
    if (name == "icons.json") icons = json::parse(bytes);
  });
  std::map<std::string, std::string> names;
  for (const auto& [hexcode, name] : chars.items()) names.emplace(data::emoji::normalised_hexcode(hexcode), name);
  Pictures pictures;
  Progress progress(title, static_cast<int64_t>(catalog.size()), "emoji");
  int64_t seen = 0;
  for (const Emoji& emoji : catalog) {
    progress.update(++seen);
    const auto name = names.find(emoji.hexcode);
    if (name == names.end()) continue;
    std::string key = name->second;
    if (icons.contains("aliases") && icons["aliases"].contains(key)) key = icons["aliases"][key].at("parent");
    if (!icons.at("icons").contains(key)) continue;
    const json& icon = icons["icons"][key];
    const int width = icon.value("width", icons.value("width", 16)),
              height = icon.value("height", icons.value("height", 16));
    const std::string svg =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 " +
        std::to_string(width) + " " + std::to_string(height) + "\">" + icon.at("body").get<std::string>() + "</svg>";
    pictures.emplace(emoji.hexcode, io::render_svg(svg, title + " " + key, kSide, kSide));
  }
  progress.finish();
  return pictures;
}

Pictures fluent_3d(const fs::path& archive, const std::vector<Emoji>& catalog, const std::string& title) {
  std::set<std::string> wanted;
  for (const Emoji& emoji : catalog) wanted.insert(emoji.hexcode);
  Pictures pictures;
  Progress progress(title, static_cast<int64_t>(catalog.size()), "emoji");
  read_package(archive, [&](const std::string& name, std::string bytes) {
    const fs::path path(name);
    if (path.extension() != ".webp") return;
    const std::string hexcode = data::emoji::normalised_hexcode(path.stem().string());
    if (!wanted.count(hexcode)) return;
    pictures.emplace(hexcode, io::resize(io::decode_image(bytes, name), kSide, kSide, io::Filter::bicubic));
    progress.update(static_cast<int64_t>(pictures.size()));
  });
  progress.finish();
  return pictures;
}

// Either the emoji that are trained on or those held out.
void write_shard(const fs::path& file, const std::vector<Emoji>& catalog, const Pictures& pictures, bool held_out) {
  io::TarWriter shard(file);
  for (const Emoji& emoji : catalog) {
    const auto found = pictures.find(emoji.hexcode);
    if (found == pictures.end() || data::emoji::held_out(emoji.hexcode) != held_out) continue;
    const json text = {
        {"caption", emoji.name}, {"keywords", emoji.keywords}, {"subgroup", emoji.subgroup}, {"group", emoji.group}};
    shard.add(emoji.hexcode + ".png", io::encode_png(io::flatten(found->second)));
    shard.add(emoji.hexcode + ".json", text.dump());
  }
  shard.commit();
}

}  // namespace

std::vector<Emoji> read_emojibase(const fs::path& downloads) {
  std::map<std::string, std::string> texts;
  read_package(find_package(downloads, "emojibase-data-", ".tgz"), [&](const std::string& name, std::string bytes) {
    if (name == "en/data.json" || name == "en/messages.json" || name == "meta/groups.json")
      texts[name] = std::move(bytes);
  });
  return data::emoji::parse_emojibase(texts["en/data.json"], texts["en/messages.json"], texts["meta/groups.json"]);
}

void prepare_emoji(const fs::path& downloads, const fs::path& out) {
  const auto catalog = read_emojibase(downloads);
  AtomicDirectory directory(out);
  data::emoji::write_catalog(directory.temporary() / "catalog.json", catalog);
  const std::map<std::string, std::string> packages = {{"noto", "iconify-json-noto-1"},
                                                       {"twemoji", "iconify-json-twemoji-1"},
                                                       {"openmoji", "iconify-json-openmoji-1"},
                                                       {"fluent-flat", "iconify-json-fluent-emoji-flat-1"},
                                                       {"fluent-3d", "lobehub-fluent-emoji-3d-1"}};
  for (const auto& style : data::emoji::styles()) {
    const fs::path archive = find_package(downloads, packages.at(style.name), ".tgz");
    const Pictures pictures = std::string(style.name) == "fluent-3d" ? fluent_3d(archive, catalog, style.title)
                                                                     : iconify(archive, catalog, style.title);
    write_shard(directory.temporary() / (std::string(style.name) + "-seen.tar"), catalog, pictures, false);
    write_shard(directory.temporary() / (std::string(style.name) + "-unseen.tar"), catalog, pictures, true);
  }
  directory.commit();
}

}  // namespace cambium::prepare
