#include "models/sam/small_regions.h"

#include <algorithm>

namespace cambium::sam {
namespace {

// 8-connected regions of the pixels equal to `value`, numbered from 0 in reading order of their first pixel.
struct Regions {
  std::vector<int32_t> label;  // per pixel; -1: another value
  std::vector<int64_t> area;   // per region
};

Regions regions_of(const std::vector<uint8_t>& mask, int64_t height, int64_t width, uint8_t value) {
  std::vector<int32_t> parent;  // of provisional labels; the smaller is the parent
  const auto root = [&](int32_t label) {
    while (parent[label] != label) label = parent[label] = parent[parent[label]];
    return label;
  };
  Regions regions;
  regions.label.assign(mask.size(), -1);
  int32_t* labels = regions.label.data();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int64_t here = y * width + x;
      if (mask[here] != value) continue;
      int32_t label = -1;
      const auto join = [&](int64_t neighbour) {
        if (labels[neighbour] < 0) return;
        const int32_t other = root(labels[neighbour]);
        if (label < 0) {
          label = other;
        } else if (other != label) {
          parent[std::max(label, other)] = std::min(label, other);
          label = std::min(label, other);
        }
      };
      if (x > 0) join(here - 1);
      if (y > 0) {
        if (x > 0) join(here - width - 1);
        join(here - width);
        if (x + 1 < width) join(here - width + 1);
      }
      if (label < 0) {
        label = static_cast<int32_t>(parent.size());
        parent.push_back(label);
      }
      labels[here] = label;
    }
  }
  std::vector<int32_t> number(parent.size(), -1);
  for (auto& label : regions.label) {
    if (label < 0) continue;
    int32_t& n = number[root(label)];
    if (n < 0) {
      n = static_cast<int32_t>(regions.area.size());
      regions.area.push_back(0);
    }
    label = n;
    ++regions.area[n];
  }
  return regions;
}

}  // namespace

bool remove_small_regions(std::vector<uint8_t>& mask, int64_t height, int64_t width, int64_t area, SmallRegions mode) {
  const uint8_t value = mode == SmallRegions::holes ? 0 : 1;
  const Regions regions = regions_of(mask, height, width, value);
  std::vector<bool> small(regions.area.size());
  bool any = false, all = true;
  for (size_t i = 0; i < small.size(); ++i) {
    small[i] = regions.area[i] < area;
    any |= small[i];
    all &= small[i];
  }
  if (!any) return false;
  if (mode == SmallRegions::islands && all) {
    small[std::max_element(regions.area.begin(), regions.area.end()) - regions.area.begin()] = false;
  }
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == value && small[regions.label[i]]) mask[i] = 1 - value;
  }
  return true;
}

}  // namespace cambium::sam
