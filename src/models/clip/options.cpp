#include "models/clip/options.h"

#include <regex>

#include "core/error.h"

namespace cambium::clip {
namespace {

void require(bool holds, const std::string& what, const char* field) {
  if (!holds) throw UsageError({.what = what, .field = field});
}

std::string text(int64_t value) { return std::to_string(value); }

}  // namespace

void VisionTransformerOptions::validate() const {
  require(image_size > 0 && image_size <= 8192, "image_size must be 1 to 8192 pixels, got " + text(image_size),
          "visual.image_size");
  require(patch > 0 && image_size % patch == 0,
          "image_size " + text(image_size) + " is not a multiple of patch " + text(patch), "visual.patch");
  require(width > 0 && heads > 0 && width % heads == 0,
          "width " + text(width) + " does not divide into " + text(heads) + " heads", "visual.heads");
  require(pos_embed != PosEmbed::fixed_sincos || width % 4 == 0,
          "a sine-cosine position embedding needs a width divisible by 4, got " + text(width), "visual.width");
  require(depth > 0 && depth <= 1000, "depth must be 1 to 1000 blocks, got " + text(depth), "visual.depth");
  require(mlp_width >= 0, "mlp_width must not be negative", "visual.mlp_width");
  if (!conv_stem.empty()) {
    for (const int64_t channels : conv_stem)
      require(channels > 0, "a stem's widths must be positive", "visual.conv_stem");
    require(int64_t{1} << (conv_stem.size() + 1) == patch,
            "a stem of " + text(static_cast<int64_t>(conv_stem.size()) + 1) + " convolutions of stride 2 reduces " +
                text(int64_t{1} << (conv_stem.size() + 1)) + " times, but patch is " + text(patch),
            "visual.conv_stem");
  }
}

VisionTransformerOptions VisionTransformerOptions::named(const std::string& size) {
  if (size == "s") return {.width = 384, .depth = 12, .heads = 12};
  if (size == "b") return {.width = 768, .depth = 12, .heads = 12};
  if (size == "l") return {.width = 1024, .depth = 24, .heads = 16};
  throw UsageError(
      {.what = "unknown vision transformer '" + size + "'", .field = "visual.size", .mend = "use s, b or l"});
}

void TextTransformerOptions::validate() const {
  require(vocabulary > 1, "vocabulary must hold at least 2 tokens, got " + text(vocabulary), "textual.vocabulary");
  require(context > 1 && context <= 65536, "context must be 2 to 65536 tokens, got " + text(context),
          "textual.context");
  require(width > 0 && heads > 0 && width % heads == 0,
          "width " + text(width) + " does not divide into " + text(heads) + " heads", "textual.heads");
  require(layers > 0 && layers <= 1000, "layers must be 1 to 1000, got " + text(layers), "textual.layers");
  require(mlp_width >= 0, "mlp_width must not be negative", "textual.mlp_width");
}

TextTransformerOptions TextTransformerOptions::parse(const std::string& architecture) {
  static const std::regex form("L(\\d{1,4})_W(\\d{1,6})(?:_A(\\d{1,4}))?");
  std::smatch match;
  if (!std::regex_match(architecture, match, form)) {
    throw UsageError({.what = "'" + architecture + "' is not a text architecture",
                      .field = "textual.arch",
                      .mend = "write layers, width and perhaps heads, as in L12_W512 or L12_W512_A8"});
  }
  TextTransformerOptions options{.width = std::stoll(match[2]), .layers = std::stoll(match[1])};
  options.heads = match[3].matched ? std::stoll(match[3]) : std::max<int64_t>(1, options.width / 64);
  options.validate();
  return options;
}

void CLIPOptions::validate() const {
  visual.validate();
  textual.validate();
  require(embed_dim > 0, "embed_dim must be positive, got " + text(embed_dim), "embed_dim");
  for (const float std : pixel_std) require(std > 0, "pixel_std must be positive", "pixel_std");
}

}  // namespace cambium::clip
