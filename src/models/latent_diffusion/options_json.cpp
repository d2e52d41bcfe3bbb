#include "models/latent_diffusion/options_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::latent_diffusion {

namespace {

using nlohmann::json;

// One object of a file. An absent field and a null one both mean the default.
class Fields {
 public:
  Fields(const json& object, const std::string& source) : object_(object), source_(source) {
    if (!object.is_object()) throw Error({.what = "expected a JSON object", .file = source});
  }

  [[noreturn]] void fail(const std::string& field, const std::string& what, const std::string& mend = {}) const {
    throw Error({.what = what, .file = source_, .field = field, .mend = mend});
  }

  bool has(const std::string& field) const { return object_.contains(field) && !object_.at(field).is_null(); }

  template <class T>
  T value(const std::string& field, const T& otherwise) const {
    if (!has(field)) return otherwise;
    return convert<T>(field, object_.at(field));
  }

  // One value for all levels, or a list with one for each.
  template <class T>
  std::vector<T> each(const std::string& field, const T& otherwise, size_t levels) const {
    if (!has(field)) return std::vector<T>(levels, otherwise);
    const json& given = object_.at(field);
    if (!given.is_array()) return std::vector<T>(levels, convert<T>(field, given));
    const auto list = convert<std::vector<T>>(field, given);
    if (list.size() != levels)
      fail(field, std::to_string(list.size()) + " entries do not fit " + std::to_string(levels) + " levels");
    return list;
  }

  // One value, or a list of equal ones.
  int64_t same(const std::string& field, int64_t otherwise, size_t levels) const {
    const auto list = each<int64_t>(field, otherwise, levels);
    for (const int64_t entry : list)
      if (entry != list.front()) fail(field, "the levels differ, which no Stable Diffusion does");
    return list.front();
  }

  // A field that has one value in every model that is understood here.
  void only(const std::string& field, const json& wanted) const {
    if (has(field) && object_.at(field) != wanted)
      fail(field, object_.at(field).dump() + " is not supported", "use a model with " + wanted.dump());
  }
  void none(const std::string& field) const {
    if (has(field)) fail(field, object_.at(field).dump() + " is not supported", "use a model without it");
  }

 private:
  template <class T>
  T convert(const std::string& field, const json& value) const {
    try {
      return value.get<T>();
    } catch (const json::exception&) {
      fail(field, value.dump() + " has the wrong type");
    }
  }

  const json& object_;
  const std::string& source_;
};

// Whether each block has transformers, by the blocks' type names.
std::vector<bool> with_attention(const Fields& fields, const std::string& field, std::vector<std::string> names,
                                 const std::string& plain, const std::string& attending) {
  std::vector<bool> out;
  for (const std::string& name : fields.value(field, std::move(names))) {
    if (name != plain && name != attending)
      fields.fail(field, "unknown block type \"" + name + "\"", "use " + plain + " or " + attending);
    out.push_back(name == attending);
  }
  return out;
}

// What no Stable Diffusion sets, and what would change the network if another did.
void refuse_other_architectures(const Fields& fields) {
  for (const char* field : {"addition_embed_type", "addition_time_embed_dim", "class_embed_type",
                            "cross_attention_norm", "encoder_hid_dim", "encoder_hid_dim_type", "time_cond_proj_dim",
                            "time_embedding_act_fn", "time_embedding_dim", "timestep_post_act"})
    fields.none(field);
  fields.only("attention_type", "default");
  fields.only("mid_block_type", "UNetMidBlock2DCrossAttn");
  fields.only("time_embedding_type", "positional");
  fields.only("resnet_time_scale_shift", "default");
  fields.only("act_fn", "silu");
  fields.only("flip_sin_to_cos", true);
  fields.only("freq_shift", 0);
  fields.only("center_input_sample", false);
  fields.only("downsample_padding", 1);
  fields.only("mid_block_scale_factor", 1.0);
  fields.only("norm_eps", 1e-5);
  fields.only("dual_cross_attention", false);
  fields.only("resnet_skip_time_act", false);
  fields.only("conv_in_kernel", 3);
  fields.only("conv_out_kernel", 3);
}

// All blocks of an autoencoder are of one type.
void only_blocks(const Fields& fields, const std::string& field, std::string_view name) {
  for (const std::string& given : fields.value(field, std::vector<std::string>{}))
    if (given != name) fields.fail(field, "unknown block type \"" + given + "\"", "use " + std::string(name));
}

template <class Options>
Options validated(Options options, const std::string& source) {
  try {
    options.validate();
  } catch (const UsageError& e) {  // the file's fault, not the caller's
    throw Error({.what = e.info().what, .file = source, .field = e.info().field, .mend = e.info().mend});
  }
  return options;
}

}  // namespace

UNetOptions unet_options(const json& config, const std::string& source) {
  const Fields fields(config, source);
  refuse_other_architectures(fields);
  UNetOptions o;
  o.in_channels = fields.value("in_channels", int64_t{4});
  o.out_channels = fields.value("out_channels", int64_t{4});
  o.block_out_channels = fields.value("block_out_channels", std::vector<int64_t>{320, 640, 1280, 1280});
  const size_t levels = o.block_out_channels.size();
  o.attention = with_attention(fields, "down_block_types",
                               {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"},
                               "DownBlock2D", "CrossAttnDownBlock2D");
  auto up = with_attention(fields, "up_block_types",
                           {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"}, "UpBlock2D",
                           "CrossAttnUpBlock2D");
  std::reverse(up.begin(), up.end());
  if (up != o.attention) fields.fail("up_block_types", "the way up does not mirror the way down");
  o.only_cross_attention = fields.each("only_cross_attention", false, levels);
  // diffusers calls the number of heads "attention_head_dim", and keeps the name for old files' sake.
  o.heads =
      fields.each(fields.has("num_attention_heads") ? "num_attention_heads" : "attention_head_dim", int64_t{8}, levels);
  o.layers_per_block = fields.same("layers_per_block", 2, levels);
  o.transformer_depth = fields.same("transformer_layers_per_block", 1, levels);
  o.cross_attention_dim = fields.same("cross_attention_dim", 1280, levels);
  o.linear_projection = fields.value("use_linear_projection", false);
  o.class_embeddings = fields.value("num_class_embeds", int64_t{0});
  o.norm_groups = fields.value("norm_num_groups", int64_t{32});
  return validated(std::move(o), source);
}

AutoencoderOptions autoencoder_options(const json& config, const std::string& source) {
  const Fields fields(config, source);
  fields.only("act_fn", "silu");
  for (const char* field : {"latents_mean", "latents_std", "shift_factor"}) fields.none(field);
  only_blocks(fields, "down_block_types", "DownEncoderBlock2D");
  only_blocks(fields, "up_block_types", "UpDecoderBlock2D");
  const bool temporal = fields.value("_class_name", std::string()) == "AutoencoderKLTemporalDecoder";
  AutoencoderOptions o;
  o.image_channels = fields.value("in_channels", int64_t{3});
  fields.only("out_channels", o.image_channels);
  o.latent_channels = fields.value("latent_channels", int64_t{4});
  o.block_out_channels = fields.value("block_out_channels", std::vector<int64_t>{64});
  o.layers_per_block = fields.value("layers_per_block", int64_t{1});
  o.norm_groups = fields.value("norm_num_groups", int64_t{32});
  o.scaling_factor = fields.value("scaling_factor", 0.18215);
  o.middle_attention = fields.value("mid_block_add_attention", true);
  o.quant_conv = fields.value("use_quant_conv", true);
  o.post_quant_conv = fields.value("use_post_quant_conv", !temporal);
  return validated(std::move(o), source);
}

}  // namespace cambium::latent_diffusion
