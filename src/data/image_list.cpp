#include "data/image_list.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"
#include "data/words.h"

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
    add_words(sum, entry.captions, entry.extra);
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
