#include "data/masks/mask_pairs.h"

#include <algorithm>
#include <map>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/glob.h"
#include "core/sha256.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPictureLimit = size_t{256} << 20;

// Pictures directly in the folder, hidden ones left out, sorted by name. Sets keep no folders below.
std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::error_code code;
  if (!fs::is_directory(folder, code)) {
    throw Error({.what = fs::exists(folder, code) ? "is not a folder" : "does not exist",
                 .file = folder.string(),
                 .mend = "give the folder of the pictures or masks"});
  }
  std::vector<fs::path> files;
  fs::directory_iterator walk(folder, code), end;
  for (; !code && walk != end; walk.increment(code)) {
    if (walk->path().filename().string().front() != '.' && io::has_image_extension(walk->path()))
      files.push_back(walk->path());
  }
  if (code)
    throw Error(
        {.what = "cannot be read: " + code.message(), .file = folder.string(), .mend = "check its permissions"});
  if (files.empty())
    throw Error({.what = "holds no pictures",
                 .file = folder.string(),
                 .mend = "give a folder with JPEG, PNG, WebP, GIF or BMP files"});
  std::sort(files.begin(), files.end());
  return files;
}

std::string stem_without(const fs::path& path, const std::string& suffix) {
  std::string stem = path.stem().string();
  if (!suffix.empty() && stem.size() > suffix.size() && stem.ends_with(suffix))
    stem.resize(stem.size() - suffix.size());
  return stem;
}

std::string name_of(const fs::path& path) { return path.filename().string(); }

using ByStem = std::map<std::string, fs::path>;

// What two files share a stem for is not ours to guess: the first is kept and the second a fault.
ByStem by_stem(const std::vector<fs::path>& files, const std::string& suffix, const std::string& only, Faults& faults) {
  ByStem out;
  for (const fs::path& file : files) {
    const std::string stem = stem_without(file, suffix);
    if (!only.empty() && !glob_matches(only, stem)) continue;
    const auto [place, added] = out.try_emplace(stem, file);
    if (!added) faults.add(name_of(file), "shares its name with " + name_of(place->second));
  }
  return out;
}

std::vector<MaskPair> pair_by_stem(const MaskFolders& folders, Faults& faults) {
  const ByStem images = by_stem(pictures_in(folders.images), folders.image_suffix, folders.only, faults);
  const ByStem masks = by_stem(pictures_in(folders.masks), folders.mask_suffix, folders.only, faults);
  std::vector<MaskPair> pairs;
  for (const auto& [stem, image] : images) {
    const auto mask = masks.find(stem);
    if (mask == masks.end()) {
      faults.add(name_of(image), "has no mask");
    } else {
      pairs.push_back({.name = stem, .image = image, .mask = mask->second});
    }
  }
  if (folders.spare_masks) return pairs;
  for (const auto& [stem, mask] : masks) {
    if (!images.contains(stem)) faults.add(name_of(mask), "is a mask without a " + folders.noun);
  }
  return pairs;
}

std::vector<MaskPair> pair_by_index(const MaskFolders& folders, Faults& faults) {
  const std::vector<fs::path> images = pictures_in(folders.images), masks = pictures_in(folders.masks);
  const size_t count = std::min(images.size(), masks.size());
  std::vector<MaskPair> pairs;
  for (size_t i = 0; i < count; ++i) {
    const std::string name = stem_without(images[i], folders.image_suffix);
    if (folders.only.empty() || glob_matches(folders.only, name))
      pairs.push_back({.name = name, .image = images[i], .mask = masks[i]});
  }
  for (size_t i = count; i < images.size(); ++i) faults.add(name_of(images[i]), "has no mask at its place");
  for (size_t i = count; i < masks.size() && !folders.spare_masks; ++i)
    faults.add(name_of(masks[i]), "is a mask without a " + folders.noun + " at its place");
  return pairs;
}

std::string size_text(const io::Image& image) {
  return std::to_string(image.width) + " x " + std::to_string(image.height);
}

// The fault of two pictures of different sizes, or "".
std::string size_fault(const io::Image& image, const io::Image& mask, const std::string& picture) {
  if (image.width == mask.width && image.height == mask.height) return "";
  const bool turned = image.width == mask.height && image.height == mask.width;
  return "is " + size_text(mask) + ", but " + picture + " is " + size_text(image) +
         (turned ? " as it is stored (turn the picture's pixels: its EXIF orientation is not applied)" : "");
}

}  // namespace

std::vector<MaskPair> pair_masks(const MaskFolders& folders, Pairing pairing, Faults& faults) {
  return pairing == Pairing::stem ? pair_by_stem(folders, faults) : pair_by_index(folders, faults);
}

MaskPairs::MaskPairs(std::string source, std::vector<MaskPair> pairs, MaskOptions options)
    : source_(std::move(source)), pairs_(std::move(pairs)), options_(options) {
  options_.validate();
  if (pairs_.empty())
    throw Error({.what = "holds no picture with a mask", .file = source_, .mend = "give a set with at least one pair"});
  Sha256 sum;
  sum.update(std::to_string(static_cast<int>(options_.kind)) + '\0' + std::to_string(options_.classes) + '\n');
  for (const MaskPair& pair : pairs_)
    sum.update(pair.name + '\0' + name_of(pair.image) + '\0' + name_of(pair.mask) + '\n');
  fingerprint_ = sum.hex();
}

Sample MaskPairs::get(int64_t index) const {
  const MaskPair& pair = pairs_.at(static_cast<size_t>(index));
  return {.index = index,
          .key = pair.name,
          .source = pair.image.string(),
          .image = read_file(pair.image, kPictureLimit),
          .mask = read_file(pair.mask, kPictureLimit),
          .mask_source = pair.mask.string()};
}

MaskedImage decode_pair(const Sample& sample, const MaskOptions& options) {
  MaskedImage pair{
      .index = sample.index, .name = sample.key, .image = io::to_rgb(io::decode_image(sample.image, sample.source))};
  DecodedMask mask = decode_mask(sample.mask, sample.mask_source, options);
  const std::string fault = mask.fault.empty() ? size_fault(pair.image, mask.image, "its picture") : mask.fault;
  if (!fault.empty())
    throw Error({.what = fault, .file = sample.mask_source, .mend = "mend the mask, or leave the pair out"});
  pair.mask = std::move(mask.image);
  return pair;
}

PairCheck check_pair(const MaskPair& pair, const MaskOptions& options) {
  PairCheck check;
  const auto complain = [&](const fs::path& file, const std::string& what) {
    check.faults.push_back({name_of(file), what});
  };
  io::Image image;
  DecodedMask mask;
  // The reason alone: the file is named by its place in the list.
  try {
    image = io::decode_image(read_file(pair.image, kPictureLimit), pair.image.string());
  } catch (const Error& error) {
    complain(pair.image, error.info().what);
  }
  try {
    mask = decode_mask(read_file(pair.mask, kPictureLimit), pair.mask.string(), options);
  } catch (const Error& error) {
    complain(pair.mask, error.info().what);
  }
  if (!mask.fault.empty()) complain(pair.mask, mask.fault);
  check.cut = mask.grey_share > 0;
  if (!image.empty() && !mask.image.empty()) {
    const std::string fault = size_fault(image, mask.image, name_of(pair.image));
    if (!fault.empty()) complain(pair.mask, fault);
  }
  return check;
}

}  // namespace cambium::data
