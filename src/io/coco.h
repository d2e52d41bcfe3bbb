#pragma once
// Masks of many pictures as one COCO file (cocodataset.org/#format-data).
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/outline.h"
#include "io/rle.h"

namespace cambium::io {

// {"size": [height, width], "counts": "..."}: compressed run lengths, as pycocotools reads them.
nlohmann::ordered_json coco_rle(const Rle& rle);
// x, y, width, height in pixels, as pycocotools' toBbox: a single pixel is 1 x 1. All zero for an empty mask.
nlohmann::ordered_json coco_bbox(const Rle& rle);
// [[x, y, x, y, ...], ...], one list a polygon.
nlohmann::ordered_json coco_polygons(const std::vector<std::vector<Vertex>>& polygons);

struct CocoAnnotation {
  int64_t image = 0;     // as add_image gave it
  int64_t category = 1;  // counted from 1
  Rle mask;
  std::optional<double> score = std::nullopt;
  // Instead of run lengths; must have been made of the mask.
  std::optional<std::vector<std::vector<Vertex>>> polygons = std::nullopt;
};

class CocoFile {
 public:
  explicit CocoFile(std::vector<std::string> categories);

  // Ids count from 1.
  int64_t add_image(const std::string& file_name, int64_t height, int64_t width);
  int64_t add(const CocoAnnotation& annotation);
  std::string text() const { return json_.dump(); }

 private:
  nlohmann::ordered_json json_;
};

}  // namespace cambium::io
