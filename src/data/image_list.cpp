#include "data/image_list.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"

namespace cambium::data {
namespace {

constexpr size_t kPictureLimit = size_t{256} << 20;

}  // namespace

ImageList::ImageList(Contents contents) : contents_(std::move(contents)) {
  if (contents_.entries.empty()) {
    throw Error(
        {.what = "holds no pictures", .file = contents_.source, .mend = "give a dataset with at least one picture"});
  }
  // Keys, words and labels, not folders: the data may move.
  Sha256 sum;
  for (const Entry& entry : contents_.entries) {
    sum.update(entry.key + '\0' + std::to_string(entry.label));
    for (const std::string& caption : entry.captions) sum.update('\0' + caption);
    for (const auto& texts : entry.extra) {
      sum.update("\1");
      for (const std::string& text : texts) sum.update('\0' + text);
    }
    sum.update("\n");
  }
  fingerprint_ = sum.hex();
}

Sample ImageList::get(int64_t index) const {
  const Entry& entry = contents_.entries.at(static_cast<size_t>(index));
  return {.index = index,
          .key = entry.key,
          .source = entry.path.string(),
          .image = read_file(entry.path, kPictureLimit),
          .captions = entry.captions,
          .extra = entry.extra,
          .label = entry.label};
}

}  // namespace cambium::data
