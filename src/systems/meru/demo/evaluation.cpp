#include "systems/meru/demo/evaluation.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <map>
#include <tuple>

#include "metrics/classification.h"
#include "metrics/retrieval.h"

namespace cambium::systems::meru::demo {
namespace {

Accuracy accuracy(const at::Tensor& scores, const at::Tensor& labels) {
  const double classes = static_cast<double>(scores.size(1));
  const int64_t five = std::min<int64_t>(5, scores.size(1));
  return {.top1 = metrics::in_top_k(scores, labels, 1),
          .top5 = metrics::in_top_k(scores, labels, five),
          .chance1 = 1 / classes,
          .chance5 = static_cast<double>(five) / classes};
}

// Of drawing k of `candidates` without replacement: the chance that one of `relevant` is among them.
double recall_chance(int64_t k, int64_t candidates, int64_t relevant) {
  double miss = 1;
  for (int64_t i = 0; i < k; ++i) {
    miss *= static_cast<double>(std::max<int64_t>(0, candidates - relevant - i)) / static_cast<double>(candidates - i);
  }
  return 1 - miss;
}

// Shares of pictures outside the cone of their own word, and outside the cones of the others (mean over words).
std::pair<double, double> violations(const Embedder& embedder, const at::Tensor& words, const at::Tensor& pictures,
                                     const at::Tensor& own) {
  const at::Tensor outside = embedder.outside_cones(words, pictures).to(at::kDouble);  // [words, N]
  const double mine = outside.gather(0, own.unsqueeze(0)).sum().item<double>(), all = outside.sum().item<double>();
  const auto pictures_count = static_cast<double>(pictures.size(0)), words_count = static_cast<double>(words.size(0));
  return {mine / pictures_count, (all - mine) / (pictures_count * (words_count - 1))};
}

}  // namespace

Embeddings embed_words(const Embedder& embedder, const WordTree& tree) {
  return {.names = embedder.embed_texts(tree.names),
          .subgroups = embedder.embed_texts(tree.subgroups),
          .groups = embedder.embed_texts(tree.groups)};
}

Evaluation evaluate(const std::string& model, const Embedder& embedder, const Embeddings& words, const WordTree& tree,
                    const std::vector<StyleSet>& styles) {
  Evaluation out{.model = model};
  std::vector<at::Tensor> embeddings, emojis;
  for (const StyleSet& style : styles) {
    embeddings.push_back(embedder.embed_pixels(style.pixels));
    emojis.push_back(style.emoji);
  }
  const at::Tensor pictures = at::cat(embeddings), emoji = at::cat(emojis);  // [N, E], [N]
  out.pictures = pictures.size(0);
  out.picture_embeddings = pictures;
  const at::Tensor name = tree.name_of.index_select(0, emoji), subgroup = tree.subgroup_of.index_select(0, emoji),
                   group = tree.group_of.index_select(0, emoji);

  const at::Tensor name_scores = embedder.scores(pictures, words.names);  // [N, names]
  out.names = accuracy(name_scores, name);
  out.subgroups = accuracy(embedder.scores(pictures, words.subgroups), subgroup);
  out.groups = accuracy(embedder.scores(pictures, words.groups), group);

  // Pictures to all names; and each name that has a picture here to all pictures.
  std::vector<std::vector<int64_t>> right_names(out.pictures), right_pictures;
  std::map<int64_t, std::vector<int64_t>> by_name;
  for (int64_t i = 0; i < out.pictures; ++i) {
    const int64_t word = name[i].item<int64_t>();
    right_names[i] = {word};
    by_name[word].push_back(i);
  }
  std::vector<int64_t> queries;
  for (const auto& [word, right] : by_name) {
    queries.push_back(word);
    right_pictures.push_back(right);
  }
  const auto forward = metrics::retrieval_recall(name_scores, right_names);
  const auto backward = metrics::retrieval_recall(
      name_scores.index_select(1, at::tensor(queries, at::kLong)).t().contiguous(), right_pictures);
  out.image_to_text = forward.recall;
  out.text_to_image = backward.recall;
  for (const int64_t k : forward.ks) {
    out.image_to_text_chance.push_back(recall_chance(k, name_scores.size(1), 1));
    double chance = 0;
    for (const auto& right : right_pictures)
      chance += recall_chance(k, out.pictures, static_cast<int64_t>(right.size()));
    out.text_to_image_chance.push_back(chance / static_cast<double>(right_pictures.size()));
  }

  out.picture_distance = embedder.distance_from_root(pictures);
  const at::Tensor names = embedder.distance_from_root(words.names),
                   subgroups = embedder.distance_from_root(words.subgroups),
                   groups = embedder.distance_from_root(words.groups);
  out.chain = metrics::chain_order(at::stack({groups.index_select(0, group), subgroups.index_select(0, subgroup),
                                              names.index_select(0, name), out.picture_distance},
                                             1));
  // The words that occur here, each once.
  const auto occurring = [](const at::Tensor& distances, const at::Tensor& word) {
    return distances.index_select(0, std::get<0>(at::_unique(word)));
  };
  out.name_distance = occurring(names, name);
  out.subgroup_distance = occurring(subgroups, subgroup);
  out.group_distance = occurring(groups, group);

  if (embedder.hyperbolic()) {
    std::tie(out.name_violations, out.other_name_violations) = violations(embedder, words.names, pictures, name);
    std::tie(out.subgroup_violations, out.other_subgroup_violations) =
        violations(embedder, words.subgroups, pictures, subgroup);
    std::tie(out.group_violations, out.other_group_violations) = violations(embedder, words.groups, pictures, group);
  }
  return out;
}

}  // namespace cambium::systems::meru::demo
