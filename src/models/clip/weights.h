#pragma once
// From a checkpoint on disk to a model: layout detected, sizes inferred, names made canonical.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "io/state_dict.h"
#include "models/clip/clip.h"
#include "models/clip/layouts.h"
#include "models/clip/options.h"

namespace cambium::clip {

// What shapes cannot tell and a file may not say. Set, they win over the file.
struct WeightsOptions {
  std::optional<nn::Activation> activation = std::nullopt;  // of both towers
  std::optional<int64_t> visual_heads = std::nullopt;
  std::optional<int64_t> textual_heads = std::nullopt;
};

struct Weights {
  Layout layout = Layout::meru;  // the layout it came in
  CLIPOptions options = {};
  io::StateDict state = {};  // canonical names; whatever else the model has (MERU's curv) is there too
};

// The towers' sizes by the shapes of a canonical state dict. Heads: width / 64, but 12 for MERU's ViT-S (width 384) and
// 16 for open_clip's H, g and G (1280, 1408, 1664). Activation: GELU. Error naming the source and the tensor at fault.
VisionTransformerOptions infer_visual(const io::StateDict& canonical);
TextTransformerOptions infer_textual(const io::StateDict& canonical);

// The tensors of one tower, `part` ("textual.", "visual.") of a canonical state dict, under the tower's own names.
io::StateDict tower_state(const io::StateDict& canonical, std::string_view part);

// A file, or a folder with Hugging Face's or open_clip's names (whose config.json, open_clip_config.json and
// preprocessor_config.json are read too). Heads and activation: our own checkpoints' metadata, else the folder's
// config, else by layout (QuickGELU for OpenAI's archives and, without a config, for Hugging Face's up to width 1024).
// Errors: not a CLIP, no image or no text tower, a configuration that contradicts the tensors.
Weights read_weights(const std::filesystem::path& path, const WeightsOptions& options = {});
// The same of tensors already read; `folder` is where to look for configurations, empty for nowhere.
Weights interpret_weights(io::StateDict state, const std::filesystem::path& folder, const WeightsOptions& options = {});

// The same weights under another layout's names, with what names and shapes do not tell (heads, activation, pixel
// statistics) in the metadata, where interpret_weights looks first. `folder` as there. Error naming the first tensor
// that the layout has no place for.
io::StateDict relabel(io::StateDict state, Layout target, const std::filesystem::path& folder);

// Reads the weights and hands them to a new model, without copying what needs no conversion.
std::shared_ptr<CLIP> open(const std::filesystem::path& path, const WeightsOptions& options = {});

}  // namespace cambium::clip
