#pragma once
// A Stable Diffusion of small widths and random weights, as a folder of diffusers with the official names.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "core/atomic_file.h"
#include "core/random.h"
#include "io/safetensors.h"
#include "models/clip/foreign_config.h"
#include "models/clip/layouts.h"
#include "models/clip/text_transformer.h"
#include "models/latent_diffusion/autoencoder.h"
#include "models/latent_diffusion/options_json.h"
#include "models/latent_diffusion/unet.h"
#include "nn/load.h"

namespace cambium::test {

inline nlohmann::json tiny_unet_config() {
  return {{"_class_name", "UNet2DConditionModel"},
          {"sample_size", 4},
          {"in_channels", 4},
          {"out_channels", 4},
          {"down_block_types", {"CrossAttnDownBlock2D", "DownBlock2D"}},
          {"up_block_types", {"UpBlock2D", "CrossAttnUpBlock2D"}},
          {"block_out_channels", {32, 64}},
          {"layers_per_block", 1},
          {"cross_attention_dim", 32},
          {"attention_head_dim", 4},
          {"norm_num_groups", 32},
          {"norm_eps", 1e-5}};
}

inline nlohmann::json tiny_autoencoder_config() {
  const std::vector<std::string> down(4, "DownEncoderBlock2D"), up(4, "UpDecoderBlock2D");
  return {{"_class_name", "AutoencoderKL"},
          {"in_channels", 3},
          {"out_channels", 3},
          {"latent_channels", 4},
          {"down_block_types", down},
          {"up_block_types", up},
          {"block_out_channels", {32, 32, 32, 32}},
          {"layers_per_block", 1},
          {"norm_num_groups", 32},
          {"scaling_factor", 0.18215}};
}

inline clip::TextTransformerOptions tiny_text_options() {
  return {.vocabulary = 49408, .context = 77, .width = 32, .layers = 2, .heads = 4, .mlp_width = 64};
}

// The x4 upscaler's channels: a small picture behind the latents, its noise level as a class, an autoencoder that
// reduces four times.
inline void make_upscaler(nlohmann::json& unet, nlohmann::json& autoencoder) {
  unet["in_channels"] = 7;
  unet["num_class_embeds"] = 1000;
  for (const char* side : {"down_block_types", "up_block_types"}) autoencoder[side].erase(3);
  autoencoder["block_out_channels"] = {32, 32, 32};
  autoencoder["scaling_factor"] = 0.08333;
}

// Changes a folder's configurations before it is written.
struct TinyStableDiffusion {
  nlohmann::json unet = tiny_unet_config(), autoencoder = tiny_autoencoder_config();
  nlohmann::json scheduler = {{"_class_name", "DDIMScheduler"},
                              {"beta_start", 0.00085},
                              {"beta_end", 0.012},
                              {"beta_schedule", "scaled_linear"},
                              {"clip_sample", false},
                              {"set_alpha_to_one", false},
                              {"steps_offset", 1}};
  uint64_t seed = 1;

  void write(const std::filesystem::path& folder) const {
    at::Generator generator = make_generator(seed);
    latent_diffusion::UNet unet_module(latent_diffusion::unet_options(unet));
    unet_module.initialize(generator);
    write_part(folder / "unet", "diffusion_pytorch_model.safetensors", unet, nn::state_tensors(unet_module));
    latent_diffusion::Autoencoder vae(latent_diffusion::autoencoder_options(autoencoder));
    vae.initialize(generator);
    write_part(folder / "vae", "diffusion_pytorch_model.safetensors", autoencoder, nn::state_tensors(vae));
    write_text(folder / "text_encoder", generator);
    write_json(folder / "scheduler" / "scheduler_config.json", scheduler);
    write_json(folder / "model_index.json", {{"_class_name", "StableDiffusionPipeline"},
                                             {"unet", {"diffusers", "UNet2DConditionModel"}},
                                             {"vae", {"diffusers", "AutoencoderKL"}},
                                             {"text_encoder", {"transformers", "CLIPTextModel"}},
                                             {"tokenizer", {"transformers", "CLIPTokenizer"}},
                                             {"scheduler", {"diffusers", scheduler.at("_class_name")}}});
  }

 private:
  static void write_json(const std::filesystem::path& file, const nlohmann::json& json) {
    std::filesystem::create_directories(file.parent_path());
    write_file(file, json.dump(2));
  }
  static void write_part(const std::filesystem::path& folder, const std::string& name, const nlohmann::json& config,
                         const io::NamedTensors& tensors) {
    write_json(folder / "config.json", config);
    io::write_safetensors(folder / name, tensors);
  }
  static void write_text(const std::filesystem::path& folder, at::Generator& generator) {
    clip::TextTransformer text(tiny_text_options());
    text.initialize(generator);
    io::StateDict canonical;
    for (const auto& [name, tensor] : nn::state_tensors(text))
      canonical.tensors.emplace_back("textual." + name, tensor);
    write_part(folder, "model.safetensors", clip::hugging_face_text_config(tiny_text_options()),
               clip::from_canonical(canonical, clip::Layout::hugging_face, "textual.").tensors);
  }
};

}  // namespace cambium::test
