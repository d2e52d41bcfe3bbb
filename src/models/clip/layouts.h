#pragma once
// The public layouts of CLIP checkpoints as tables of names. MERU's is canonical: in it, loading is name equality.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/state_dict.h"

namespace cambium::clip {

enum class Layout {
  meru,    // the canonical one: meru_vit_*.pth, clip_vit_*.pth, and everything that this program writes
  openai,  // OpenAI's TorchScript archives and open_clip: visual.transformer.resblocks..., transformer.resblocks...
  hugging_face,  // transformers' CLIPModel: vision_model.encoder.layers..., text_model.encoder.layers...
};

std::string layout_name(Layout layout);
// "meru", "openai", "open_clip" or "hugging_face" ("hf"); UsageError otherwise.
Layout parse_layout(const std::string& name);

// How a tensor of one layout stands in the canonical one.
enum class Form {
  same,
  leading_one,  // canonical [1, T, W] or [1, 1, W]; theirs [T, W] or [W]
  transposed,   // canonical [E, W]; theirs [W, E]
  split_qkv,    // canonical packs q, k, v over dimension 0; theirs are three tensors, {qkv} standing for q, k, v
};

// One line of a table. {i} stands for the number of a block.
struct KeyRule {
  std::string_view canonical;
  std::string_view theirs;
  Form form = Form::same;
};

std::span<const KeyRule> openai_table();        // layouts_openai.cpp
std::span<const KeyRule> hugging_face_table();  // layouts_hugging_face.cpp

// Which layout the names are of. Error naming the source and the closest layout if none.
Layout detect_layout(const io::StateDict& state);

// The same tensors under canonical names; what another layout derives or repeats (position ids, sizes) is dropped,
// names that its table lacks stay as they are. Views where the form allows, copies for split_qkv.
io::StateDict to_canonical(const io::StateDict& state, Layout layout);

// The reverse. `part` is how the canonical names of a tower alone begin ("textual."); empty for a whole model. Error
// naming the first tensor that the layout has no place for, or lacks.
io::StateDict from_canonical(const io::StateDict& canonical, Layout layout, std::string_view part = {});

}  // namespace cambium::clip
