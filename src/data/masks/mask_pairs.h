#pragma once
// Pictures with a segmentation mask each: the data of SAM-Adapter and of every evaluation of masks.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/faults.h"
#include "data/masks/mask_file.h"

namespace cambium::data {

enum class Pairing {
  stem,   // a.jpg and a.png belong together
  index,  // the n-th picture and the n-th mask of the sorted folders, names not looked at, as in the original
};

// Two folders; with one of them not complete, that is a fault unless it is said to be in order.
struct MaskFolders {
  std::filesystem::path images, masks;
  bool spare_masks = false;  // masks without a picture are in order (CAMO keeps one folder of masks for both splits)
  std::string image_suffix = {};  // cut from stems before they are compared: "_sat", "_mask"
  std::string mask_suffix = {};
  std::string only = {};         // stems that match this pattern ("COD10K-CAM-*"); empty: all
  std::string noun = "picture";  // what is paired with the masks, for faults: "prediction"
};

struct MaskPair {
  std::string name;  // the picture's stem
  std::filesystem::path image, mask;
};

// All pairs, sorted by name. Adds what is unpaired, or twice there, to `faults`. Error where a folder does not exist or
// holds no picture.
std::vector<MaskPair> pair_masks(const MaskFolders& folders, Pairing pairing, Faults& faults);

// A dataset whose samples hold the bytes of picture and mask (Sample::image, Sample::mask); fetching is lazy.
class MaskPairs : public IndexedDataset {
 public:
  // `source` names the set in errors. Error where there is no pair.
  MaskPairs(std::string source, std::vector<MaskPair> pairs, MaskOptions options = {});

  int64_t size() const override { return static_cast<int64_t>(pairs_.size()); }
  // Reads both files; Error naming the one that cannot be read.
  Sample get(int64_t index) const override;
  // Of names and options: the files may move.
  std::string fingerprint() const override { return fingerprint_; }

  const std::string& source() const { return source_; }
  const std::vector<MaskPair>& pairs() const { return pairs_; }
  const MaskOptions& options() const { return options_; }

 private:
  std::string source_;
  std::vector<MaskPair> pairs_;
  MaskOptions options_;
  std::string fingerprint_;
};

// What is wrong with one pair when both its files are decoded: unreadable, sizes that differ, no foreground, not
// binary, labels beyond the classes.
struct PairCheck {
  struct Fault {
    std::string file, what;
  };
  std::vector<Fault> faults;
  bool cut = false;  // the mask's grey was cut at 128
};
PairCheck check_pair(const MaskPair& pair, const MaskOptions& options);

// A pair as pixels. image: RGB; mask: one channel, as DecodedMask::image says, of the same size.
struct MaskedImage {
  int64_t index = -1;
  std::string name = {};
  io::Image image = {}, mask = {};
};
// Error for what check_pair() calls a fault.
MaskedImage decode_pair(const Sample& sample, const MaskOptions& options);

}  // namespace cambium::data
