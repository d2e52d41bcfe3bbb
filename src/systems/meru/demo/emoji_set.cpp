#include "systems/meru/demo/emoji_set.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <map>

#include "core/error.h"
#include "io/image_tensor.h"
#include "io/resize.h"
#include "io/tar.h"

namespace cambium::systems::meru::demo {
namespace {

// Index of `word` in `words`, added at the end if it is new.
class Numbering {
 public:
  explicit Numbering(std::vector<std::string>& words) : words_(words) {}
  int64_t operator()(const std::string& word) {
    const auto [at, added] = index_.emplace(word, static_cast<int64_t>(words_.size()));
    if (added) words_.push_back(word);
    return at->second;
  }

 private:
  std::vector<std::string>& words_;
  std::map<std::string, int64_t> index_;
};

}  // namespace

WordTree word_tree(const std::vector<data::emoji::Emoji>& catalog) {
  WordTree tree;
  Numbering name(tree.names), subgroup(tree.subgroups), group(tree.groups);
  std::vector<int64_t> names, subgroups, groups;
  for (const auto& emoji : catalog) {
    names.push_back(name(emoji.name));
    subgroups.push_back(subgroup(emoji.subgroup));
    groups.push_back(group(emoji.group));
  }
  tree.name_of = at::tensor(names, at::kLong);
  tree.subgroup_of = at::tensor(subgroups, at::kLong);
  tree.group_of = at::tensor(groups, at::kLong);
  return tree;
}

StyleSet read_style(const std::filesystem::path& folder, const std::string& style, bool unseen,
                    const std::vector<data::emoji::Emoji>& catalog, int64_t image_size) {
  std::map<std::string, int64_t> index;
  for (size_t i = 0; i < catalog.size(); ++i) index.emplace(catalog[i].hexcode, static_cast<int64_t>(i));
  const io::TarFile tar(folder / (style + (unseen ? "-unseen.tar" : "-seen.tar")));
  std::vector<at::Tensor> pictures;
  std::vector<int64_t> emoji;
  for (auto sample = io::sample_at(tar, 0); sample; sample = io::sample_at(tar, sample->next)) {
    const io::TarMember* member = sample->find("png");
    if (!member) continue;
    const auto found = index.find(sample->key);
    if (found == index.end()) {
      throw Error({.what = "no such emoji in the catalogue",
                   .file = tar.name(),
                   .field = sample->key,
                   .mend = "run scripts/data again"});
    }
    const io::Image image = io::to_rgb(io::decode_image(tar.read(*member), tar.name() + ": " + member->name));
    pictures.push_back(io::to_tensor(io::resize_and_center_crop(image, image_size)));
    emoji.push_back(found->second);
  }
  if (pictures.empty())
    throw Error({.what = "holds no pictures", .file = tar.name(), .mend = "run scripts/data again"});
  return {.style = style, .pixels = at::stack(pictures), .emoji = at::tensor(emoji, at::kLong)};
}

}  // namespace cambium::systems::meru::demo
