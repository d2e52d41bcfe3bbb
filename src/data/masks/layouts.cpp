#include "data/masks/layouts.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "data/masks/layout_folders.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kShown = 100;   // faults listed in full
constexpr int64_t kSilent = 200;  // pairs checked without a bar

// All pairs of one set, checked if wanted.
std::shared_ptr<const MaskPairs> open(const LayoutSet& set, const MaskSetOptions& options) {
  const std::string source = set.folders.images.string();
  Faults faults(source, "mend or remove these files, or set skip_faulty: true to leave them out", options.skip_faulty,
                kShown);
  MaskFolders folders = set.folders;
  if (!options.only.empty()) folders.only = options.only;
  std::vector<MaskPair> pairs = pair_masks(folders, options.pairing, faults);
  if (set.keep) std::erase_if(pairs, [&](const MaskPair& pair) { return !set.keep(pair.name); });
  if (options.check) {
    std::vector<PairCheck> checks(pairs.size());
    std::optional<Progress> bar;
    const auto count = static_cast<int64_t>(pairs.size());
    if (count > kSilent) bar.emplace("checking " + set.name, count, "pairs");
    std::atomic<int64_t> done = 0;
    std::mutex mutex;
    for_each_in_parallel(count, options.threads, [&](int64_t i) {
      checks[static_cast<size_t>(i)] = check_pair(pairs[static_cast<size_t>(i)], options.mask);
      const int64_t now = ++done;
      if (!bar) return;
      const std::lock_guard lock(mutex);
      bar->update(now);
    });
    int64_t cut = 0;
    std::vector<MaskPair> sound;
    for (size_t i = 0; i < pairs.size(); ++i) {
      for (const PairCheck::Fault& fault : checks[i].faults) faults.add(fault.file, fault.what);
      cut += checks[i].cut;
      if (checks[i].faults.empty()) sound.push_back(std::move(pairs[i]));
    }
    pairs = std::move(sound);
    if (cut > 0) log::info(set.folders.masks.string() + ": grey in " + std::to_string(cut) + " masks is cut at 128");
  }
  faults.report();
  return std::make_shared<const MaskPairs>(source, std::move(pairs), options.mask);
}

}  // namespace

void MaskSetOptions::validate() const {
  mask.validate();
  const std::vector<std::string> layouts = {"folders", "camouflage", "shadow", "polyp"};
  if (std::find(layouts.begin(), layouts.end(), layout) == layouts.end()) {
    throw UsageError({.what = "\"" + layout + "\" is no layout of a set of masks",
                      .field = "layout",
                      .mend = "choose folders, camouflage, shadow or polyp"});
  }
  if (layout == "folders") {
    if (images.empty() || masks.empty())
      throw UsageError({.what = "the layout folders needs both images and masks",
                        .field = images.empty() ? "images" : "masks",
                        .mend = "name the folder"});
    return;
  }
  if (root.empty())
    throw UsageError({.what = "the layout " + layout + " needs its folder",
                      .field = "root",
                      .mend = "name the folder that holds the set"});
  const bool all = layout == "polyp" && split == "all";
  if (split != "train" && split != "test" && !all) {
    throw UsageError({.what = "\"" + split + "\" is no split",
                      .field = "split",
                      .mend = layout == "polyp" ? "choose train, test or all" : "choose train or test"});
  }
  if (held_out < 1)
    throw UsageError(
        {.what = "must be at least 1", .field = "held_out", .mend = "the papers keep 100 or 120 of Kvasir's 1000"});
}

std::vector<NamedMaskSet> open_mask_sets(const MaskSetOptions& options) {
  options.validate();
  std::vector<NamedMaskSet> out;
  for (const LayoutSet& set : find_layout_sets(options)) out.push_back({set.name, open(set, options)});
  return out;
}

std::shared_ptr<const MaskPairs> open_mask_set(const MaskSetOptions& options) {
  const std::vector<NamedMaskSet> sets = open_mask_sets(options);
  if (sets.size() == 1) return sets.front().pairs;
  std::string source;
  std::vector<MaskPair> pairs;
  for (const NamedMaskSet& set : sets) {
    source += (source.empty() ? "" : " + ") + set.pairs->source();
    for (MaskPair pair : set.pairs->pairs()) {
      pair.name = set.name + "/" + pair.name;
      pairs.push_back(std::move(pair));
    }
  }
  return std::make_shared<const MaskPairs>(source, std::move(pairs), options.mask);
}

}  // namespace cambium::data
