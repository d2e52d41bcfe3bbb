#pragma once
// Image-text pairs as the training sees them: pictures cropped and resized to bytes, words as token ids.
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "data/loader.h"
#include "models/clip/tokenizer.h"
#include "systems/meru/recipe.h"

namespace cambium::systems::meru {

struct Pair {
  std::vector<uint8_t> pixels;  // [3, S, S]
  std::vector<int32_t> tokens;  // start and end included, not truncated
};

// A step's or micro-batch's pairs.
struct PairBatch {
  at::Tensor pixels;                         // u8 [B, 3, S, S]
  std::vector<std::vector<int32_t>> tokens;  // B lists
  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
};
PairBatch collate(std::vector<Pair>&& pairs, int64_t image_size);

// The pictures and words that the recipe names. Every fault of the layout that can be seen beforehand is one Error.
std::shared_ptr<const data::Dataset> open_dataset(const DataRecipe& recipe);

// Decode, RandomResizedCrop (bicubic, as Pillow), draw the text, prefix the subreddit, tokenise (paper, section 4).
data::Loader<Pair>::Mapper pair_mapper(const DataRecipe& recipe, int64_t image_size,
                                       std::shared_ptr<const cambium::clip::Tokenizer> tokenizer);

}  // namespace cambium::systems::meru
