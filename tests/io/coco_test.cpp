#include "io/coco.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace cambium::io {
namespace {

Rle rectangle() {
  at::Tensor mask = at::zeros({8, 10}, at::kBool);
  mask.slice(0, 2, 5).slice(1, 3, 7).fill_(true);
  return encode_rle(mask);
}

TEST(Coco, HoldsImagesAndMasks) {
  CocoFile file({"object"});
  const auto image = file.add_image("a.png", 8, 10);
  file.add({.image = image, .mask = rectangle(), .score = 0.5});
  file.add({.image = image, .mask = rectangle(), .polygons = outline(decode_rle(rectangle()))});
  const auto json = nlohmann::json::parse(file.text());
  EXPECT_EQ(json["images"][0]["file_name"], "a.png");
  EXPECT_EQ(json["categories"][0]["name"], "object");
  const auto& first = json["annotations"][0];
  EXPECT_EQ(first["area"], 12);
  EXPECT_EQ(first["bbox"], nlohmann::json({3, 2, 4, 3}));
  EXPECT_EQ(from_coco_string(first["segmentation"]["counts"].get<std::string>(), 8, 10), rectangle());
  EXPECT_EQ(first["score"], 0.5);
  EXPECT_EQ(json["annotations"][1]["segmentation"], nlohmann::json({{3, 2, 7, 2, 7, 5, 3, 5}}));
  EXPECT_EQ(json["annotations"][1]["id"], 2);
}

TEST(Coco, EmptyMaskHasAnEmptyBox) {
  EXPECT_EQ(coco_bbox(encode_rle(at::zeros({4, 4}))), nlohmann::json({0, 0, 0, 0}));
  EXPECT_EQ(coco_bbox(encode_rle(at::ones({1, 1}))), nlohmann::json({0, 0, 1, 1}));
}

TEST(Coco, RefusesWhatBelongsToNothing) {
  CocoFile file({"object"});
  EXPECT_THROW(file.add({.image = 1, .mask = rectangle()}), Error);
  file.add_image("a.png", 8, 10);
  EXPECT_THROW(file.add({.image = 1, .category = 2, .mask = rectangle()}), Error);
}

}  // namespace
}  // namespace cambium::io
