#pragma once
// What is left of a segmentation on disk.
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "io/coco.h"
#include "systems/sam_adapter/segment/overlay.h"
#include "systems/sam_adapter/segment/segmenter.h"

namespace cambium::systems::sam_adapter {

struct SegmentFormats {
  bool masks = true;         // masks/NAME.png, 0 and 255; of several masks masks/NAME/000.png, ...
  bool overlays = true;      // overlays/NAME.jpg; of a video overlays/NAME.mp4
  bool coco = false;         // coco.json of all pictures, masks as run lengths
  bool rle = false;          // rle/NAME.json, in the layout of SA-1B
  bool polygons = false;     // polygons/NAME.json, in the layout of LabelMe
  bool labels = false;       // labels/NAME.png, the number of each pixel's segment
  bool probability = false;  // probability/NAME.png: a delta's certainty, 0 to 255
  double tolerance = 1;      // pixels that polygons may stray from the mask

  // Names separated by commas. UsageError naming the known ones.
  static SegmentFormats parse(const std::string& names);
};

class SegmentWriter {
 public:
  SegmentWriter(std::filesystem::path folder, SegmentFormats formats, std::vector<std::string> categories);

  // A name that no other picture of this run has: its own, with the extension or a number behind it where that is
  // taken.
  std::string unique_name(const std::filesystem::path& relative);

  // Writes what one picture's segmentation asks for and returns the files. `rgb` is drawn on; `file_name` is what the
  // COCO file calls the picture. Overlays of video frames are the caller's.
  std::vector<std::string> write(const std::string& name, const std::string& file_name, const io::Image& rgb,
                                 const Segmentation& segmentation, const SegmentRequest& request, bool frame = false);
  // The file of all pictures, if there is one.
  std::vector<std::string> finish();

  const SegmentFormats& formats() const { return formats_; }
  std::filesystem::path path(const std::string& kind, const std::string& name, const std::string& extension) const;

 private:
  std::string rle_text(const std::string& file_name, const Segmentation& segmentation) const;
  std::string labelme_text(const std::string& file_name, const Segmentation& segmentation) const;

  std::filesystem::path folder_;
  SegmentFormats formats_;
  std::vector<std::string> categories_;
  io::CocoFile coco_;
  std::set<std::string> names_;
};

}  // namespace cambium::systems::sam_adapter
