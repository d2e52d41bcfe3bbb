#include "systems/sam_adapter/segment/writer.h"

#include <array>
#include <cstdio>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/outline.h"

namespace cambium::systems::sam_adapter {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Format {
  const char* name;
  bool SegmentFormats::* flag;
};
constexpr std::array kFormats = {Format{"masks", &SegmentFormats::masks},
                                 Format{"overlays", &SegmentFormats::overlays},
                                 Format{"coco", &SegmentFormats::coco},
                                 Format{"rle", &SegmentFormats::rle},
                                 Format{"polygons", &SegmentFormats::polygons},
                                 Format{"labels", &SegmentFormats::labels},
                                 Format{"probability", &SegmentFormats::probability}};

std::string number(size_t value, int digits) {
  std::string text = std::to_string(value);
  while (static_cast<int>(text.size()) < digits) text.insert(text.begin(), '0');
  return text;
}

}  // namespace

SegmentFormats SegmentFormats::parse(const std::string& names) {
  SegmentFormats formats{.masks = false, .overlays = false};
  std::istringstream words(names);
  bool any = false;
  for (std::string word; std::getline(words, word, ',');) {
    std::vector<std::string> known;
    bool found = false;
    for (const auto& format : kFormats) {
      known.emplace_back(format.name);
      if (word != format.name) continue;
      formats.*format.flag = found = any = true;
    }
    if (found) continue;
    std::string list;
    for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
    const std::string close = nearest(word, known);
    throw UsageError(
        {.what = "no format is called \"" + word + "\"" + (close.empty() ? "" : ", did you mean \"" + close + "\"?"),
         .field = "--format",
         .mend = "choose from " + list});
  }
  if (!any)
    throw UsageError({.what = "no format is named", .field = "--format", .mend = "write for example masks,overlays"});
  return formats;
}

SegmentWriter::SegmentWriter(fs::path folder, SegmentFormats formats, std::vector<std::string> categories)
    : folder_(std::move(folder)), formats_(formats), categories_(categories), coco_(std::move(categories)) {
  std::error_code code;
  if (fs::exists(folder_, code) && !fs::is_directory(folder_, code)) {
    throw UsageError({.what = "is a file, not a folder", .file = folder_.string(), .mend = "give -o a folder"});
  }
  fs::create_directories(folder_, code);
  if (code)
    throw Error(
        {.what = "cannot be created: " + code.message(), .file = folder_.string(), .mend = "give -o another folder"});
}

std::string SegmentWriter::unique_name(const fs::path& relative) {
  const std::string stem = (relative.parent_path() / relative.stem()).string();
  std::string name = stem;
  if (names_.count(name)) {
    std::string extension = relative.extension().string();
    if (!extension.empty()) extension[0] = '_';
    name = stem + extension;
  }
  const std::string base = name;
  for (int n = 2; names_.count(name); ++n) name = base + "_" + std::to_string(n);
  names_.insert(name);
  return name;
}

fs::path SegmentWriter::path(const std::string& kind, const std::string& name, const std::string& extension) const {
  return folder_ / kind / (name + extension);
}

std::vector<std::string> SegmentWriter::write(const std::string& name, const std::string& file_name,
                                              const io::Image& rgb, const Segmentation& segmentation,
                                              const SegmentRequest& request, bool frame) {
  std::vector<std::string> files;
  const auto save = [&](const fs::path& path, std::string_view bytes) {
    write_file(path, bytes);
    files.push_back(path.string());
  };
  const auto& segments = segmentation.segments;
  if (formats_.masks) {
    // One mask, or none, is the picture's; several get a folder.
    if (segments.empty()) {
      save(path("masks", name, ".png"), io::encode_png(io::Image(segmentation.width, segmentation.height, 1)));
    } else if (segments.size() == 1) {
      save(path("masks", name, ".png"), io::encode_png(draw_mask(segments[0].mask)));
    } else {
      for (size_t i = 0; i < segments.size(); ++i) {
        save(path("masks", name + "/" + number(i, 3), ".png"), io::encode_png(draw_mask(segments[i].mask)));
      }
    }
  }
  if (formats_.overlays && !frame)
    save(path("overlays", name, ".jpg"), io::encode_jpeg(draw_overlay(rgb, segmentation, request), 92));
  if (formats_.labels) save(path("labels", name, ".png"), io::encode_png(draw_labels(segmentation)));
  if (formats_.probability && !segmentation.probability.empty()) {
    save(path("probability", name, ".png"), io::encode_png(segmentation.probability));
  }
  if (formats_.rle) save(path("rle", name, ".json"), rle_text(file_name, segmentation));
  if (formats_.polygons) save(path("polygons", name, ".json"), labelme_text(file_name, segmentation));
  if (formats_.coco) {
    const int64_t image = coco_.add_image(file_name, segmentation.height, segmentation.width);
    for (const auto& segment : segments) {
      coco_.add({.image = image, .category = segment.category, .mask = segment.mask, .score = segment.predicted_iou});
    }
  }
  return files;
}

std::vector<std::string> SegmentWriter::finish() {
  if (!formats_.coco) return {};
  const fs::path path = folder_ / "coco.json";
  write_file(path, coco_.text());
  return {path.string()};
}

std::string SegmentWriter::rle_text(const std::string& file_name, const Segmentation& segmentation) const {
  Json json = {{"image", {{"file_name", file_name}, {"height", segmentation.height}, {"width", segmentation.width}}},
               {"annotations", Json::array()}};
  int64_t id = 0;
  for (const auto& segment : segmentation.segments) {
    Json entry = {{"id", ++id},
                  {"segmentation", io::coco_rle(segment.mask)},
                  {"bbox", io::coco_bbox(segment.mask)},
                  {"area", segment.area}};
    if (categories_.size() > 1) entry["category"] = categories_[segment.category - 1];
    if (segment.predicted_iou) entry["predicted_iou"] = *segment.predicted_iou;
    if (segment.stability_score) entry["stability_score"] = *segment.stability_score;
    if (!segment.points.empty()) entry["point_coords"] = segment.points;
    if (segment.crop_box) entry["crop_box"] = *segment.crop_box;
    json["annotations"].push_back(std::move(entry));
  }
  return json.dump();
}

std::string SegmentWriter::labelme_text(const std::string& file_name, const Segmentation& segmentation) const {
  Json json = {{"version", "5.0.1"},
               {"flags", Json::object()},
               {"shapes", Json::array()},
               {"imagePath", file_name},
               {"imageData", nullptr},
               {"imageHeight", segmentation.height},
               {"imageWidth", segmentation.width}};
  int64_t group = 0;
  for (const auto& segment : segmentation.segments) {
    ++group;
    for (const auto& polygon : io::outline(io::decode_rle(segment.mask), {.tolerance = formats_.tolerance})) {
      Json points = Json::array();
      for (const auto& vertex : polygon) points.push_back({vertex.x, vertex.y});
      json["shapes"].push_back({{"label", categories_[segment.category - 1]},
                                {"points", std::move(points)},
                                {"group_id", group},
                                {"shape_type", "polygon"},
                                {"flags", Json::object()}});
    }
  }
  return json.dump();
}

}  // namespace cambium::systems::sam_adapter
