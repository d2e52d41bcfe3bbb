#include "io/coco.h"

#include "core/error.h"

namespace cambium::io {

using Json = nlohmann::ordered_json;

Json coco_rle(const Rle& rle) { return {{"size", {rle.height, rle.width}}, {"counts", to_coco_string(rle)}}; }

Json coco_bbox(const Rle& rle) {
  const PixelBox box = rle_bounds(rle);
  if (rle_area(rle) == 0) return {0, 0, 0, 0};
  return {box.left, box.top, box.right - box.left + 1, box.bottom - box.top + 1};
}

Json coco_polygons(const std::vector<std::vector<Vertex>>& polygons) {
  Json out = Json::array();
  for (const auto& polygon : polygons) {
    Json flat = Json::array();
    for (const auto& vertex : polygon) {
      flat.push_back(vertex.x);
      flat.push_back(vertex.y);
    }
    out.push_back(std::move(flat));
  }
  return out;
}

CocoFile::CocoFile(std::vector<std::string> categories) {
  json_ = {{"info", {{"description", "made by Cambium"}}}, {"images", Json::array()}, {"annotations", Json::array()}};
  json_["categories"] = Json::array();
  for (size_t i = 0; i < categories.size(); ++i)
    json_["categories"].push_back({{"id", i + 1}, {"name", categories[i]}});
}

int64_t CocoFile::add_image(const std::string& file_name, int64_t height, int64_t width) {
  Json& images = json_["images"];
  const auto id = static_cast<int64_t>(images.size()) + 1;
  images.push_back({{"id", id}, {"file_name", file_name}, {"height", height}, {"width", width}});
  return id;
}

int64_t CocoFile::add(const CocoAnnotation& annotation) {
  if (annotation.image < 1 || annotation.image > static_cast<int64_t>(json_["images"].size())) {
    throw Error({.what = "an annotation is for picture " + std::to_string(annotation.image) + ", which was not added"});
  }
  if (annotation.category < 1 || annotation.category > static_cast<int64_t>(json_["categories"].size())) {
    throw Error(
        {.what = "an annotation is of category " + std::to_string(annotation.category) + ", which is not listed"});
  }
  Json& annotations = json_["annotations"];
  const auto id = static_cast<int64_t>(annotations.size()) + 1;
  Json entry = {{"id", id}, {"image_id", annotation.image}, {"category_id", annotation.category}};
  entry["segmentation"] = annotation.polygons ? coco_polygons(*annotation.polygons) : coco_rle(annotation.mask);
  entry["area"] = rle_area(annotation.mask);
  entry["bbox"] = coco_bbox(annotation.mask);
  entry["iscrowd"] = 0;
  if (annotation.score) entry["score"] = *annotation.score;
  annotations.push_back(std::move(entry));
  return id;
}

}  // namespace cambium::io
