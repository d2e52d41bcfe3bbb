#include "models/latent_diffusion/options.h"

#include "core/error.h"

#include <fmt/format.h>

#include <string>

namespace cambium::latent_diffusion {

namespace {

void require(bool holds, const std::string& what, const std::string& field, const std::string& mend) {
  if (!holds) throw UsageError({.what = what, .field = field, .mend = mend});
}

void check_channels(const std::string& network, const std::vector<int64_t>& channels, int64_t groups) {
  const std::string field = network + ".block_out_channels";
  require(!channels.empty(), "there are no levels", field, "give the width of each level");
  require(groups >= 1, fmt::format("cannot normalise in {} groups", groups), network + ".norm_groups",
          "give 1 or more");
  for (const int64_t width : channels)
    require(width >= 1 && width % groups == 0, fmt::format("{} groups do not divide {} channels", groups, width), field,
            "give multiples of norm_groups");
}

void check_positive(int64_t value, const std::string& field) {
  require(value >= 1, fmt::format("{} is too small", value), field, "give 1 or more");
}

}  // namespace

void UNetOptions::validate() const {
  check_channels("unet", block_out_channels, norm_groups);
  require(block_out_channels.front() % 2 == 0, "the first width is odd", "unet.block_out_channels", "give an even one");
  const size_t count = block_out_channels.size();
  require(attention.size() == count && only_cross_attention.size() == count && heads.size() == count,
          fmt::format("the lists do not fit {} levels", count), "unet.{attention,only_cross_attention,heads}",
          "give one entry a level");
  for (size_t i = 0; i < count; ++i)
    require(heads[i] >= 1 && block_out_channels[i] % heads[i] == 0,
            fmt::format("{} heads do not divide the {} channels of level {}", heads[i], block_out_channels[i], i),
            "unet.heads", "give divisors of the widths");
  check_positive(in_channels, "unet.in_channels");
  check_positive(out_channels, "unet.out_channels");
  check_positive(layers_per_block, "unet.layers_per_block");
  check_positive(transformer_depth, "unet.transformer_depth");
  check_positive(cross_attention_dim, "unet.cross_attention_dim");
  require(class_embeddings >= 0, "there cannot be fewer than no classes", "unet.class_embeddings", "give 0 or more");
}

void AutoencoderOptions::validate() const {
  check_channels("autoencoder", block_out_channels, norm_groups);
  check_positive(image_channels, "autoencoder.image_channels");
  check_positive(latent_channels, "autoencoder.latent_channels");
  check_positive(layers_per_block, "autoencoder.layers_per_block");
  require(scaling_factor > 0, fmt::format("cannot scale by {}", scaling_factor), "autoencoder.scaling_factor",
          "give a number above 0");
}

}  // namespace cambium::latent_diffusion
