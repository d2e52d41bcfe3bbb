#include "systems/meru/demo/disc.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "io/image_tensor.h"
#include "metrics/disc_layout.h"
#include "report/poincare.h"
#include "report/text.h"

namespace cambium::systems::meru::demo {
namespace {

constexpr int64_t kGroups = 5, kSubgroups = 2, kNames = 3;  // drawn per level: more would not be readable

}  // namespace

std::string picture_png(const at::Tensor& pixels) { return io::encode_png(io::from_tensor(pixels)); }

std::vector<report::Figure> emoji_discs(const PageInputs& in) {
  const auto& catalog = *in.catalog;
  const StyleSet& style = in.seen.back();
  std::vector<report::DiscItem> items;
  std::vector<std::pair<int64_t, int64_t>> edges;
  std::vector<at::Tensor> words;
  std::vector<int64_t> rows_shown, word_items, picture_items;
  const auto add_word = [&](const std::string& label, int64_t level, const at::Tensor& embedding, int64_t parent) {
    items.push_back({.label = label, .level = level});
    words.push_back(embedding);
    word_items.push_back(static_cast<int64_t>(items.size()) - 1);
    if (parent >= 0) edges.emplace_back(parent, word_items.back());
    return word_items.back();
  };

  // The largest groups, in the catalogue's order of subgroups and names: nothing is chosen by how it looks.
  std::map<int64_t, std::map<int64_t, std::vector<int64_t>>> tree;  // group -> subgroup -> rows of `style`
  for (int64_t row = 0; row < style.size(); ++row) {
    const int64_t emoji = style.emoji[row].item<int64_t>();
    tree[in.tree->group_of[emoji].item<int64_t>()][in.tree->subgroup_of[emoji].item<int64_t>()].push_back(row);
  }
  for (const auto& [group, subgroups] : tree) {
    if (group >= kGroups) break;
    const int64_t group_item = add_word(in.tree->groups[group], 0, in.meru_words.groups[group], -1);
    std::vector<std::pair<int64_t, std::vector<int64_t>>> largest(subgroups.begin(), subgroups.end());
    std::stable_sort(largest.begin(), largest.end(),
                     [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
    for (int64_t s = 0; s < std::min<int64_t>(kSubgroups, largest.size()); ++s) {
      const auto& [subgroup, rows] = largest[s];
      const int64_t subgroup_item =
          add_word(in.tree->subgroups[subgroup], 1, in.meru_words.subgroups[subgroup], group_item);
      const auto step = std::max<int64_t>(1, static_cast<int64_t>(rows.size()) / kNames);
      for (int64_t i = 0; i < std::min<int64_t>(kNames, rows.size()); ++i) {
        const int64_t row = rows[i * step], emoji = style.emoji[row].item<int64_t>();
        const int64_t name = in.tree->name_of[emoji].item<int64_t>();
        const int64_t name_item = add_word(catalog[emoji].name, 2, in.meru_words.names[name], subgroup_item);
        items.push_back(
            {.label = catalog[emoji].name, .picture = report::picture_uri(picture_png(style.pixels[row])), .level = 3});
        picture_items.push_back(static_cast<int64_t>(items.size()) - 1);
        rows_shown.push_back(row);
        edges.emplace_back(name_item, picture_items.back());
      }
    }
  }
  const at::Tensor word_points = at::stack(words);
  const at::Tensor picture_points =
      in.meru->embed_pixels(style.pixels.index_select(0, at::tensor(rows_shown, at::kLong)));
  const at::Tensor distance =
      at::cat({in.meru->distance_from_root(word_points), in.meru->distance_from_root(picture_points)});
  const double c = in.meru->curvature();
  // Words and pictures sit in cones of their own; as two levels they are centred apart, or that offset would be all one
  // sees.
  const at::Tensor modality =
      at::cat({at::zeros({word_points.size(0)}, at::kLong), at::ones({picture_points.size(0)}, at::kLong)});
  const at::Tensor angle = metrics::circular_angles(at::cat({word_points, picture_points}), modality);
  const at::Tensor points = metrics::disc_points(angle, distance, c);
  std::vector<int64_t> order = word_items;
  order.insert(order.end(), picture_items.begin(), picture_items.end());
  double words_radius = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    report::DiscItem& item = items[order[i]];
    item.x = points[static_cast<int64_t>(i)][0].item<double>();
    item.y = points[static_cast<int64_t>(i)][1].item<double>();
    if (item.picture.empty()) words_radius = std::max(words_radius, std::hypot(item.x, item.y));
  }
  report::DiscOptions options{.title = "Words and pictures in MERU's space",
                              .description = "Poincare disc: general words near the middle, pictures near the rim",
                              .levels = {"groups", "subgroups", "names", "held-out pictures"},
                              .curvature = c};
  std::vector<report::Figure> figures;
  figures.push_back(
      {.svg = report::poincare_disc(items, edges, options),
       .caption = "Circles are distances from the root. Hover over a picture or a dot for its name and distance."});
  // The words alone, if the pictures lie so much further out that the middle is crowded.
  if (words_radius < 0.6 * points.norm(2, 1).max().item<double>()) {
    options.title = "The middle, enlarged: the words alone";
    options.description = "The same disc out to the furthest word";
    options.zoom = std::min(1.0, 1.08 * words_radius);
    figures.push_back({.svg = report::poincare_disc(items, edges, options),
                       .caption = "Lines join groups, subgroups and names along geodesics."});
  }
  return figures;
}

}  // namespace cambium::systems::meru::demo
