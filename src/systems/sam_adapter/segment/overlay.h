#pragma once
// Masks drawn over their picture.
#include <array>
#include <cstdint>

#include "io/image.h"
#include "systems/sam_adapter/segment/request.h"
#include "systems/sam_adapter/segment/segmenter.h"

namespace cambium::systems::sam_adapter {

// Colours that are easily told apart, the same ones for the same numbers.
std::array<uint8_t, 3> segment_colour(int64_t index);

// Each mask tinted and outlined, larger ones below, and the prompts: points (green object, red background) and boxes.
io::Image draw_overlay(const io::Image& rgb, const Segmentation& segmentation, const SegmentRequest& request);

// Grey [H, W, 1] with 0 background and i for the i-th segment, the smaller ones on top. With more than 255 segments
// RGB, the number being R + 256 G + 65536 B (COCO's panoptic code).
io::Image draw_labels(const Segmentation& segmentation);

// Grey, 255 inside.
io::Image draw_mask(const io::Rle& mask);

}  // namespace cambium::systems::sam_adapter
