#include "data/masks/layout_folders.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"
#include "io/text.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::vector<fs::path> folders_in(const fs::path& root) {
  std::vector<fs::path> out;
  std::error_code code;
  for (fs::directory_iterator walk(root, code), end; !code && walk != end; walk.increment(code)) {
    if (walk->is_directory(code) && walk->path().filename().string().front() != '.') out.push_back(walk->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string last_name(const fs::path& path) {
  const fs::path clean = path.lexically_normal();
  return (clean.has_filename() ? clean : clean.parent_path()).filename().string();
}

struct Candidate {
  std::string images, masks;
  bool spare_masks = false;
};

std::optional<LayoutSet> first_there(const fs::path& root, const std::string& name,
                                     const std::vector<Candidate>& candidates) {
  for (const Candidate& candidate : candidates) {
    const fs::path images = root / candidate.images, masks = root / candidate.masks;
    if (is_folder(images) && is_folder(masks)) {
      return LayoutSet{.name = name,
                       .folders = {.images = images, .masks = masks, .spare_masks = candidate.spare_masks}};
    }
  }
  return std::nullopt;
}

[[noreturn]] void fail(const MaskSetOptions& options, const std::string& expected) {
  const std::string root = options.root.string();
  if (!is_folder(options.root))
    throw Error({.what = "is not a folder that exists",
                 .file = root,
                 .field = "root",
                 .mend = "give the folder that holds the set"});
  throw Error({.what = "is not laid out as the layout " + options.layout + " is: there is no " + expected,
               .file = root,
               .mend = "give the folder above, or use the layout folders and name both"});
}

// COD's combined layout is Imgs and GT; COD10K's own is Image and GT_Object; CAMO's own is Images/{Train,Test} and one
// GT for both; SAM-Adapter's demo.yaml has CAMO's masks split.
const std::vector<Candidate> kPlain = {
    {"Imgs", "GT"}, {"Image", "GT_Object"}, {"Image", "GT"}, {"Images", "GT"}, {"images", "masks"}};

std::vector<Candidate> camouflage_candidates(bool train) {
  const std::string split = train ? "Train" : "Test";
  std::vector<Candidate> out;
  for (const std::string& folder : {split + "Dataset", split, std::string(train ? "train" : "test")}) {
    for (const Candidate& plain : kPlain) out.push_back({folder + "/" + plain.images, folder + "/" + plain.masks});
  }
  out.push_back({"Images/" + split, split + "_gt"});
  out.push_back({"Images/" + split, "GT", true});
  return out;
}

std::vector<LayoutSet> camouflage_sets(const MaskSetOptions& options) {
  const bool train = options.split == "train";
  const std::vector<Candidate> split = camouflage_candidates(train);
  std::vector<LayoutSet> sets;
  if (auto set = first_there(options.root, last_name(options.root), split)) {
    sets.push_back(*set);
  } else {
    const fs::path combined = options.root / (train ? "TrainDataset" : "TestDataset");
    const fs::path above = is_folder(combined) ? combined : options.root;
    for (const fs::path& child : folders_in(above)) {
      auto set = first_there(child, last_name(child), split);
      // A test set such as CHAMELEON has no splits.
      if (!set && (!train || above == combined)) set = first_there(child, last_name(child), kPlain);
      if (set) sets.push_back(*set);
    }
    if (sets.empty()) {
      if (auto set = first_there(options.root, last_name(options.root), kPlain)) sets.push_back(*set);
    }
  }
  if (sets.empty())
    fail(options, train ? "TrainDataset/Imgs with TrainDataset/GT, nor Images/Train with GT"
                        : "TestDataset/SET/Imgs with TestDataset/SET/GT, nor Images/Test with GT");
  if (options.subsets.empty()) return sets;
  std::vector<LayoutSet> chosen;
  for (const std::string& wanted : options.subsets) {
    const auto set = std::find_if(sets.begin(), sets.end(), [&](const LayoutSet& one) { return one.name == wanted; });
    if (set == sets.end()) {
      std::string there;
      for (const LayoutSet& one : sets) there += (there.empty() ? "" : ", ") + one.name;
      throw Error({.what = "there is no set \"" + wanted + "\"",
                   .file = options.root.string(),
                   .field = "subsets",
                   .mend = "there are " + there});
    }
    chosen.push_back(*set);
  }
  return chosen;
}

// {train,test}/{train,test}_A and _B; SBU's {train,test}/{ShadowImages,ShadowMasks} too.
std::vector<LayoutSet> shadow_sets(const MaskSetOptions& options) {
  const fs::path part = options.root / options.split;
  const std::string& split = options.split;
  if (auto set =
          first_there(part, last_name(options.root), {{split + "_A", split + "_B"}, {"ShadowImages", "ShadowMasks"}}))
    return {*set};
  // *_A with the *_B of the same beginning.
  for (const fs::path& folder : folders_in(part)) {
    const std::string name = folder.filename().string();
    if (!name.ends_with("_A")) continue;
    const fs::path masks = part / (name.substr(0, name.size() - 1) + "B");
    if (is_folder(masks)) return {{.name = last_name(options.root), .folders = {.images = folder, .masks = masks}}};
  }
  fail(options, split + "/*_A with " + split + "/*_B");
}

std::set<std::string> stems_listed(const fs::path& list) {
  std::set<std::string> out;
  std::string line;
  for (const char c : read_file(list, size_t{1} << 24) + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    const std::string_view name = io::trim(line);
    if (!name.empty()) {
      const fs::path path(name);
      out.insert(io::has_image_extension(path) ? path.stem().string() : path.filename().string());
    }
    line.clear();
  }
  if (out.empty())
    throw Error({.what = "lists no picture", .file = list.string(), .mend = "remove it, or write one name a line"});
  return out;
}

std::vector<fs::path> pictures_of(const MaskSetOptions& options, const MaskFolders& folders) {
  Faults ignored("", "", false);
  std::vector<fs::path> out;
  for (const MaskPair& pair : pair_masks(folders, options.pairing, ignored)) out.push_back(pair.image);
  return out;
}

// Which of Kvasir-SEG's pictures: as its train.txt and val.txt say, or the `held_out` ones whose names have the
// smallest hash.
std::function<bool(const std::string&)> polyp_split(const MaskSetOptions& options, const fs::path& root,
                                                    const MaskFolders& folders) {
  if (options.split == "all") return {};
  const bool test = options.split == "test";
  const fs::path list = root / (test ? "val.txt" : "train.txt");
  std::error_code code;
  if (fs::exists(list, code)) {
    return [stems = stems_listed(list)](const std::string& name) { return stems.contains(name); };
  }
  std::vector<std::pair<std::string, std::string>> ranked;
  for (const fs::path& image : pictures_of(options, folders))
    ranked.emplace_back(sha256_hex(image.stem().string()), image.stem().string());
  std::sort(ranked.begin(), ranked.end());
  if (static_cast<int64_t>(ranked.size()) <= options.held_out) {
    throw Error({.what = "holds " + std::to_string(ranked.size()) + " pictures, of which " +
                         std::to_string(options.held_out) + " are to be held out",
                 .file = root.string(),
                 .field = "held_out",
                 .mend = "hold out fewer"});
  }
  std::set<std::string> held;
  for (int64_t i = 0; i < options.held_out; ++i) held.insert(ranked[static_cast<size_t>(i)].second);
  return [held = std::move(held), test](const std::string& name) { return held.contains(name) == test; };
}

std::vector<LayoutSet> polyp_sets(const MaskSetOptions& options) {
  const bool train = options.split == "train";
  // PraNet's copy of the sets comes already split.
  if (options.split != "all") {
    const std::string part = train ? "TrainDataset" : "TestDataset/Kvasir";
    for (const char* plural : {"s", ""}) {
      const std::string images = part + "/image" + plural, masks = part + "/mask" + plural;
      if (auto set = first_there(options.root, last_name(options.root), {{images, masks}})) return {*set};
    }
  }
  for (const fs::path& root : {options.root, options.root / "Kvasir-SEG"}) {
    if (auto set = first_there(root, last_name(root), {{"images", "masks"}})) {
      set->keep = polyp_split(options, root, set->folders);
      return {*set};
    }
  }
  fail(options, "images with masks");
}

}  // namespace

std::vector<LayoutSet> find_layout_sets(const MaskSetOptions& options) {
  if (options.layout == "camouflage") return camouflage_sets(options);
  if (options.layout == "shadow") return shadow_sets(options);
  if (options.layout == "polyp") return polyp_sets(options);
  MaskFolders folders{.images = options.root / options.images,
                      .masks = options.root / options.masks,
                      .image_suffix = options.image_suffix,
                      .mask_suffix = options.mask_suffix};
  return {{.name = last_name(folders.images), .folders = folders}};
}

}  // namespace cambium::data
