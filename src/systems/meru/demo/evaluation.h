#pragma once
// What the demo measures of one model on held-out pictures: classification, retrieval, and the hierarchy of the paper's
// section 4.3 (who lies nearer the root).
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "metrics/hierarchy.h"
#include "systems/meru/demo/emoji_set.h"
#include "systems/meru/embedder.h"

namespace cambium::systems::meru::demo {

struct Embeddings {
  at::Tensor names, subgroups, groups;  // [words, E]
};
Embeddings embed_words(const Embedder& embedder, const WordTree& tree);

// Each entry per picture, so that standard errors and paired differences can be taken.
struct Accuracy {
  at::Tensor top1, top5;  // bool [N]
  double chance1 = 0, chance5 = 0;
};

struct Evaluation {
  std::string model;  // "MERU", "CLIP"
  int64_t pictures = 0;
  Accuracy names = {}, subgroups = {}, groups = {};
  std::vector<double> image_to_text = {}, text_to_image = {};  // recall at 1, 5, 10: pictures and names
  std::vector<double> image_to_text_chance = {}, text_to_image_chance = {};
  metrics::ChainOrder chain = {};  // group < subgroup < name < picture
  // Share of pairs (word, picture) with the picture outside the word's cone; CLIP has no cones.
  double name_violations = 0, subgroup_violations = 0, group_violations = 0;
  // The same for all words of the level that are not the picture's: what a cone that excludes nothing would also have.
  double other_name_violations = 0, other_subgroup_violations = 0, other_group_violations = 0;
  // Distances from the root, for the histograms.
  at::Tensor picture_distance = {}, name_distance = {}, subgroup_distance = {}, group_distance = {};
  at::Tensor picture_embeddings = {};  // [N, E]
};

// Over all pictures of `styles`. Candidates are all words of each level, unseen emoji's names included.
Evaluation evaluate(const std::string& model, const Embedder& embedder, const Embeddings& words, const WordTree& tree,
                    const std::vector<StyleSet>& styles);

}  // namespace cambium::systems::meru::demo
