#include "systems/meru/pairs.h"

#include <ATen/ops/empty.h>

#include "core/error.h"
#include "core/paths.h"
#include "data/augment.h"
#include "data/caption_folder.h"
#include "data/caption_text.h"
#include "data/shards.h"
#include "io/image.h"
#include "io/image_tensor.h"

namespace cambium::systems::meru {

PairBatch collate(std::vector<Pair>&& pairs, int64_t image_size) {
  PairBatch batch;
  batch.pixels = at::empty({static_cast<int64_t>(pairs.size()), 3, image_size, image_size}, at::kByte);
  uint8_t* out = batch.pixels.mutable_data_ptr<uint8_t>();
  for (Pair& pair : pairs) {
    out = std::copy(pair.pixels.begin(), pair.pixels.end(), out);
    batch.tokens.push_back(std::move(pair.tokens));
  }
  return batch;
}

std::shared_ptr<const data::Dataset> open_dataset(const DataRecipe& recipe) {
  if (recipe.paths.empty()) {
    throw UsageError({.what = "names no data",
                      .field = "data.paths",
                      .mend = "set it in the recipe, or with --set data.paths=FILE"});
  }
  const std::vector<std::string> extra(recipe.text_fields.begin() + 1, recipe.text_fields.end());
  if (recipe.format == "captions") {
    if (recipe.paths.size() != 1) {
      throw UsageError({.what = "captions come with one folder, got " + std::to_string(recipe.paths.size()),
                        .field = "data.paths",
                        .mend = "join the tables, paths in them are relative to the folder"});
    }
    return data::open_caption_folder(recipe.paths[0], {.table = recipe.table,
                                                       .image_column = recipe.image_field,
                                                       .caption_column = recipe.text_fields[0],
                                                       .extra_columns = extra,
                                                       .skip_damaged = recipe.skip_damaged});
  }
  return std::make_shared<data::ImageTextShards>(
      recipe.paths,
      data::ShardOptions{
          .caption_field = recipe.text_fields[0], .extra_fields = extra, .skip_damaged = recipe.skip_damaged});
}

data::Loader<Pair>::Mapper pair_mapper(const DataRecipe& recipe, int64_t image_size,
                                       std::shared_ptr<const cambium::clip::Tokenizer> tokenizer) {
  const data::RandomResizedCropOptions crop{.size = image_size,
                                            .min_scale = recipe.crop_scale[0],
                                            .max_scale = recipe.crop_scale[1],
                                            .min_ratio = recipe.crop_ratio[0],
                                            .max_ratio = recipe.crop_ratio[1]};
  crop.validate();
  const auto subreddits =
      recipe.subreddit_prefix > 0
          ? std::make_shared<const data::SubredditWords>(shared_file("assets/redcaps_subreddits.tsv"))
          : nullptr;
  return [=, weights = recipe.text_weights, prefix = recipe.subreddit_prefix](data::Sample&& sample, Rng& rng) {
    Pair pair;
    const std::string text = data::draw_caption(sample, subreddits.get(), prefix, rng, weights);
    pair.tokens = tokenizer->encode(text);
    const io::Image picture =
        data::random_resized_crop(io::to_rgb(io::decode_image(sample.image, sample.source)), crop, rng);
    pair.pixels.resize(static_cast<size_t>(3 * image_size * image_size));
    io::copy_planar(picture, pair.pixels.data());
    return pair;
  };
}

}  // namespace cambium::systems::meru
