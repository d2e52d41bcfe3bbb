#pragma once
// Where public segmentation sets keep their pictures and masks, and how one opens them (docs/sam_adapter.md lists
// layouts).
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/masks/mask_pairs.h"

namespace cambium::data {

struct MaskSetOptions {
  // folders: `images` and `masks`. camouflage: CAMO, COD10K, CHAMELEON, NC4K, alone or together as
  // TrainDataset/{Imgs,GT} and TestDataset/SET/{Imgs,GT}. shadow: ISTD's {train,test}/*_A and *_B. polyp: Kvasir-SEG's
  // {images,masks}.
  std::string layout = "folders";
  std::filesystem::path root = {};        // of every layout but folders (there: of relative paths)
  std::string images = "", masks = "";    // folders
  std::string split = "train";            // train, test; polyp: all too
  std::vector<std::string> subsets = {};  // camouflage, split test: CAMO, COD10K, ...; empty: all there are
  int64_t held_out = 100;  // polyp without train.txt and val.txt: pictures of the test split, by hash of their names
  std::string only = "";   // stems that match this pattern
  std::string image_suffix = "", mask_suffix = "";  // folders: cut from stems before pairing
  Pairing pairing = Pairing::stem;
  MaskOptions mask = {};
  bool check = true;         // decode everything first
  bool skip_faulty = false;  // leave faulty pairs out with one warning instead of an error
  int64_t threads = 2;       // of the check

  void validate() const;
};

// Opens and checks. Error that lists every fault at once (unpaired, unreadable, wrong size, empty, not binary), or that
// says which folders the layout would have.
std::shared_ptr<const MaskPairs> open_mask_set(const MaskSetOptions& options);

// The sets of a layout apart, for tables with one row each: {"CAMO", ...}; a single one is named by its folder.
struct NamedMaskSet {
  std::string name;
  std::shared_ptr<const MaskPairs> pairs;
};
std::vector<NamedMaskSet> open_mask_sets(const MaskSetOptions& options);

}  // namespace cambium::data
