#include "models/sam/options.h"

#include <algorithm>

#include "core/error.h"

namespace cambium::sam {
namespace {

void require(bool holds, const std::string& field, const std::string& what, const std::string& mend = "") {
  if (!holds) throw UsageError({.what = what, .field = field, .mend = mend});
}

void require_positive(int64_t value, const std::string& field) {
  require(value > 0, field, "must be at least 1, got " + std::to_string(value));
}

void require_multiple(int64_t whole, int64_t part, const std::string& field, const std::string& of) {
  require(whole % part == 0, field,
          of + " " + std::to_string(whole) + " is no multiple of " + field + " " + std::to_string(part));
}

}  // namespace

bool ImageEncoderOptions::is_global(int64_t block) const {
  return window == 0 || std::find(global_blocks.begin(), global_blocks.end(), block) != global_blocks.end();
}

void ImageEncoderOptions::validate() const {
  require_positive(image_size, "image_size");
  require_positive(patch, "patch");
  require_multiple(image_size, patch, "patch", "image_size");
  require_positive(width, "width");
  require_positive(depth, "depth");
  require_positive(heads, "heads");
  require_multiple(width, heads, "heads", "width");
  require(mlp_width >= 0, "mlp_width", "must not be negative");
  require(window >= 0, "window", "must not be negative", "0 lets every block attend over the whole image");
  for (const int64_t block : global_blocks) {
    require(block >= 0 && block < depth, "global_blocks",
            "names block " + std::to_string(block) + " of " + std::to_string(depth), "blocks are counted from 0");
  }
  require_positive(out_channels, "out_channels");
}

ImageEncoderOptions ImageEncoderOptions::named(const std::string& size) {
  if (size == "vit_b") return {};
  if (size == "vit_l") return {.width = 1024, .depth = 24, .heads = 16, .global_blocks = {5, 11, 17, 23}};
  if (size == "vit_h") return {.width = 1280, .depth = 32, .heads = 16, .global_blocks = {7, 15, 23, 31}};
  throw UsageError({.what = "unknown size '" + size + "' of Segment Anything", .mend = "use vit_b, vit_l or vit_h"});
}

void PromptEncoderOptions::validate() const {
  require_positive(width, "prompt.width");
  require(width % 2 == 0, "prompt.width", "must be even, got " + std::to_string(width));
  require_positive(mask_channels, "prompt.mask_channels");
  require(mask_channels % 4 == 0, "prompt.mask_channels", "must be a multiple of 4");
  require_positive(image_size, "prompt.image_size");
  require_positive(patch, "prompt.patch");
}

void MaskDecoderOptions::validate() const {
  require_positive(width, "decoder.width");
  require(width % 8 == 0, "decoder.width", "must be a multiple of 8, got " + std::to_string(width));
  require_positive(depth, "decoder.depth");
  require_positive(heads, "decoder.heads");
  require_positive(downsample, "decoder.downsample");
  require_multiple(width, downsample * heads, "decoder.heads", "decoder.width");
  require_positive(mlp_width, "decoder.mlp_width");
  require(masks >= 2, "decoder.masks", "must be at least 2, got " + std::to_string(masks),
          "mask 0 answers alone, the others together");
  require_positive(iou_hidden, "decoder.iou_hidden");
  require_positive(iou_depth, "decoder.iou_depth");
  require(hq_encoder_width >= 0, "decoder.hq_encoder_width", "must not be negative");
}

void SamOptions::validate() const {
  encoder.validate();
  prompt.validate();
  decoder.validate();
  require(encoder.out_channels == prompt.width && prompt.width == decoder.width, "decoder.width",
          "the image encoder gives " + std::to_string(encoder.out_channels) + " channels, the prompt encoder " +
              std::to_string(prompt.width) + " and the mask decoder works on " + std::to_string(decoder.width),
          "these must be one number");
}

SamOptions SamOptions::named(const std::string& size) { return {.encoder = ImageEncoderOptions::named(size)}; }

}  // namespace cambium::sam
