#include "models/clip/foreign_config.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "core/atomic_file.h"
#include "core/error.h"

namespace cambium::clip {
namespace {

using nlohmann::json;

struct Config {
  std::string file;
  json object;

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw Error({.what = what, .file = file, .field = key});
  }
  const json* section(const json& parent, const char* key) const {
    const auto found = parent.find(key);
    if (found == parent.end() || found->is_null()) return nullptr;
    if (!found->is_object()) fail(key, "expected an object");
    return &*found;
  }
  template <class T>
  std::optional<T> get(const json& parent, const char* key) const {
    const auto found = parent.find(key);
    if (found == parent.end() || found->is_null()) return std::nullopt;
    try {
      return found->get<T>();
    } catch (const json::exception&) {
      fail(key, "is of the wrong type");
    }
  }
};

std::optional<Config> read(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return std::nullopt;
  Config config{.file = file.string(),
                .object = json::parse(read_file(file, size_t{16} << 20), nullptr, /*allow_exceptions=*/false)};
  if (!config.object.is_object()) throw Error({.what = "not a JSON object", .file = config.file});
  return config;
}

int64_t positive(const Config& config, const json& parent, const char* key, int64_t otherwise) {
  const int64_t value = config.get<int64_t>(parent, key).value_or(otherwise);
  if (value <= 0) config.fail(key, "must be positive, got " + std::to_string(value));
  return value;
}

// Heads and activation of a tower's own object; `key` is where it stands, for errors.
void apply_choices(const Config& config, const json& tower, const std::string& key, int64_t default_heads,
                   int64_t& heads, nn::Activation& activation) {
  heads = positive(config, tower, "num_attention_heads", default_heads);
  const std::string name = config.get<std::string>(tower, "hidden_act").value_or("quick_gelu");
  if (name != "gelu" && name != "quick_gelu") config.fail(key + "hidden_act", "unknown activation '" + name + "'");
  activation = nn::parse_activation(name);
  if (std::abs(config.get<double>(tower, "layer_norm_eps").value_or(1e-5) - 1e-5) > 1e-9) {
    config.fail(key + "layer_norm_eps", "only an epsilon of 1e-5 is supported");
  }
}

// Absent keys mean transformers' own defaults: files written by save_pretrained leave those out.
void apply_tower(const Config& config, const char* key, int64_t default_heads, int64_t& heads,
                 nn::Activation& activation) {
  json tower = json::object();
  bool found = false;
  // Old files hold a second copy, "..._dict", which wins.
  for (const std::string& name : {std::string(key), std::string(key) + "_dict"}) {
    if (const json* section = config.section(config.object, name.c_str())) {
      found = true;
      for (const auto& item : section->items()) {
        if (!item.value().is_null()) tower[item.key()] = item.value();
      }
    }
  }
  if (!found) return;
  apply_choices(config, tower, std::string(key) + ".", default_heads, heads, activation);
}

void apply_statistics(const Config& config, const json& parent, const char* mean, const char* std,
                      CLIPOptions& options) {
  const auto three = [&](const char* key, std::array<float, 3>& into) {
    const auto values = config.get<std::vector<float>>(parent, key);
    if (!values) return;
    if (values->size() != 3) config.fail(key, "expected 3 values, got " + std::to_string(values->size()));
    std::copy_n(values->begin(), 3, into.begin());
  };
  three(mean, options.pixel_mean);
  three(std, options.pixel_std);
}

void apply_open_clip(const Config& config, CLIPOptions& options) {
  const json* model = config.section(config.object, "model_cfg");
  if (!model) return;
  const bool quick = config.get<bool>(*model, "quick_gelu").value_or(false);
  options.visual.activation = options.textual.activation = quick ? nn::Activation::quick_gelu : nn::Activation::gelu;
  if (const json* vision = config.section(*model, "vision_cfg")) {
    if (vision->contains("timm_model_name"))
      config.fail("vision_cfg.timm_model_name", "image towers of timm are not supported");
    options.visual.heads = options.visual.width / positive(config, *vision, "head_width", 64);
  }
  if (const json* text = config.section(*model, "text_cfg")) {
    if (text->contains("hf_model_name"))
      config.fail("text_cfg.hf_model_name", "text towers of transformers are not supported");
    options.textual.heads = positive(config, *text, "heads", options.textual.heads);
  }
  if (const json* preprocess = config.section(config.object, "preprocess_cfg"))
    apply_statistics(config, *preprocess, "mean", "std", options);
}

}  // namespace

void apply_foreign_config(const std::filesystem::path& folder, Layout layout, CLIPOptions& options) {
  if (layout == Layout::openai) {
    if (const auto config = read(folder / "open_clip_config.json")) apply_open_clip(*config, options);
    return;
  }
  if (const auto config = read(folder / "config.json")) {
    apply_tower(*config, "vision_config", 12, options.visual.heads, options.visual.activation);
    apply_tower(*config, "text_config", 8, options.textual.heads, options.textual.activation);
  }
  if (const auto config = read(folder / "preprocessor_config.json")) {
    apply_statistics(*config, config->object, "image_mean", "image_std", options);
  }
}

TextTransformerOptions hugging_face_text_options(const json& object, const std::string& source) {
  const Config config{.file = source, .object = object};
  TextTransformerOptions o{.vocabulary = positive(config, object, "vocab_size", 49408),
                           .context = positive(config, object, "max_position_embeddings", 77),
                           .width = positive(config, object, "hidden_size", 512),
                           .layers = positive(config, object, "num_hidden_layers", 12),
                           .mlp_width = positive(config, object, "intermediate_size", 2048)};
  apply_choices(config, object, "", 8, o.heads, o.activation);
  o.validate();
  return o;
}

VisionTransformerOptions hugging_face_vision_options(const json& object, const std::string& source) {
  const Config config{.file = source, .object = object};
  VisionTransformerOptions o{.image_size = positive(config, object, "image_size", 224),
                             .patch = positive(config, object, "patch_size", 32),
                             .width = positive(config, object, "hidden_size", 768),
                             .depth = positive(config, object, "num_hidden_layers", 12),
                             .mlp_width = positive(config, object, "intermediate_size", 3072),
                             .pos_embed = PosEmbed::learned,
                             .pre_norm = true,
                             .patch_bias = false};
  apply_choices(config, object, "", 12, o.heads, o.activation);
  o.validate();
  return o;
}

json hugging_face_text_config(const TextTransformerOptions& options) {
  // Token ids as in CLIP's vocabulary, whose last two are the start and the end of text.
  return {{"architectures", {"CLIPTextModel"}},
          {"model_type", "clip_text_model"},
          {"vocab_size", options.vocabulary},
          {"hidden_size", options.width},
          {"intermediate_size", options.hidden()},
          {"num_hidden_layers", options.layers},
          {"num_attention_heads", options.heads},
          {"max_position_embeddings", options.context},
          {"hidden_act", nn::to_string(options.activation)},
          {"layer_norm_eps", 1e-5},
          {"projection_dim", options.width},
          {"bos_token_id", options.vocabulary - 2},
          {"eos_token_id", options.vocabulary - 1}};
}

json hugging_face_config(const CLIPOptions& options) {
  const auto& visual = options.visual;
  json textual = hugging_face_text_config(options.textual);
  textual.erase("architectures");
  textual["projection_dim"] = options.embed_dim;
  return {{"architectures", {"CLIPModel"}},
          {"model_type", "clip"},
          {"projection_dim", options.embed_dim},
          {"logit_scale_init_value", 2.6592},
          {"text_config", textual},
          {"vision_config",
           {{"model_type", "clip_vision_model"},
            {"hidden_size", visual.width},
            {"intermediate_size", visual.hidden()},
            {"num_hidden_layers", visual.depth},
            {"num_attention_heads", visual.heads},
            {"image_size", visual.image_size},
            {"patch_size", visual.patch},
            {"hidden_act", nn::to_string(visual.activation)},
            {"layer_norm_eps", 1e-5},
            {"projection_dim", options.embed_dim}}}};
}

json hugging_face_preprocessor(const CLIPOptions& options) {
  const int64_t size = options.visual.image_size;
  return {{"image_processor_type", "CLIPImageProcessor"},
          {"do_resize", true},
          {"size", {{"shortest_edge", size}}},
          {"resample", 3},  // bicubic
          {"do_center_crop", true},
          {"crop_size", {{"height", size}, {"width", size}}},
          {"do_convert_rgb", true},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255},
          {"do_normalize", true},
          {"image_mean", options.pixel_mean},
          {"image_std", options.pixel_std}};
}

}  // namespace cambium::clip
