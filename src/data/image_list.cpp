#include "data/image_list.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"

namespace cambium::data {
namespace {

constexpr size_t kPictureLimit = size_t{256} << 20;

}  // namespace

ImageList::ImageList(std::string source, std::vector<Entry> entries, std::vector<std::string> class_names)
    : source_(std::move(source)), entries_(std::move(entries)), class_names_(std::move(class_names)) {
  if (entries_.empty()) throw Error({.what = "holds no pictures", .file = source_, .mend = "give a dataset with at least one picture"});
  // Keys, words and labels, not folders: the data may move.
  Sha256 sum;
  for (const Entry& entry : entries_) {
    sum.update(entry.key + '\0' + std::to_string(entry.label));
    for (const std::string& caption : entry.captions) sum.update('\0' + caption);
    sum.update("\n");
  }
  fingerprint_ = sum.hex();
}

Sample ImageList::get(int64_t index) const {
  const Entry& entry = entries_.at(static_cast<size_t>(index));
  Sample sample{.index = index, .key = entry.key, .source = entry.path.string(), .captions = entry.captions, .label = entry.label};
  sample.image = read_file(entry.path, kPictureLimit);
  return sample;
}

}  // namespace cambium::data
