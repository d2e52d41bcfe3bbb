// Names of Stable Diffusion's text encoders.
#include "models/clip/layouts.h"
#include "models/latent_diffusion/layouts.h"

namespace cambium::latent_diffusion {
namespace {

constexpr const char* kTower = "textual.";
constexpr const char* kBlocks = "textual.resblocks.";
constexpr int64_t kOpenClipBlocks = 24;  // of ViT-H

clip::Layout layout_of(TextLayout layout) {
  return layout == TextLayout::clip ? clip::Layout::hugging_face : clip::Layout::openai;
}

// Some files that were put together from others lack the first word of transformers' names.
std::string whole_name(const std::string& name) {
  for (const char* start : {"embeddings.", "encoder.", "final_layer_norm."}) {
    if (name.starts_with(start)) return "text_model." + name;
  }
  return name;
}

}  // namespace

io::StateDict text_from_layout(const io::StateDict& text, TextLayout layout) {
  io::StateDict canonical =
      clip::to_canonical(layout == TextLayout::clip ? renamed(text, whole_name) : text, layout_of(layout));
  const std::string last = kBlocks + std::to_string(kOpenClipBlocks - 1) + ".";
  const bool unread = layout == TextLayout::open_clip && NameSet(canonical).count(kBlocks, ".") == kOpenClipBlocks;
  std::erase_if(canonical.tensors, [&](const auto& item) {
    const std::string& name = item.first;
    return name == "logit_scale" || name.starts_with("textual_proj.") || (unread && name.starts_with(last));
  });
  return canonical;
}

io::StateDict text_to_layout(const io::StateDict& canonical, TextLayout layout) {
  return clip::from_canonical(canonical, layout_of(layout), kTower);
}

}  // namespace cambium::latent_diffusion
