#include "models/latent_diffusion/diffusers_folder.h"

#include <algorithm>
#include <array>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/weights_file.h"
#include "models/clip/foreign_config.h"
#include "models/latent_diffusion/infer_options.h"
#include "models/latent_diffusion/layouts.h"
#include "models/latent_diffusion/options_json.h"

namespace cambium::latent_diffusion {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kIndex = "model_index.json";
constexpr const char* kResume = "resume or repeat the download";
constexpr size_t kLargestConfig = size_t{16} << 20;

bool present(const fs::path& path) {
  std::error_code code;
  // A link to a file that has not arrived yet counts: opening it says what is wrong.
  return fs::exists(fs::symlink_status(path, code));
}

// The files that may hold a network, in order of preference: full precision first, and without the moving average
// ("non_ema") where that is asked for.
std::vector<std::string> file_names(const std::string& tensors, const std::string& pickle, bool ema) {
  std::vector<std::string> variants = {"", ".fp16", ".non_ema"};
  if (!ema) std::rotate(variants.begin(), variants.end() - 1, variants.end());
  std::vector<std::string> names;
  for (const std::string& variant : variants) {
    names.push_back(tensors + variant + ".safetensors");
    names.push_back(tensors + variant + ".safetensors.index.json");
    names.push_back(pickle + variant + ".bin");
  }
  return names;
}

io::StateDict load_part(const fs::path& folder, const std::string& tensors, const std::string& pickle, bool ema) {
  for (const std::string& name : file_names(tensors, pickle, ema)) {
    if (present(folder / name)) return io::load_weights(folder / name);
  }
  throw Error({.what = "is only half downloaded: it lacks " + tensors + ".safetensors",
               .file = folder.string(),
               .mend = kResume});
}

UNetWeights read_unet(const fs::path& folder, bool ema) {
  UNetWeights unet;
  unet.state = load_part(folder, "diffusion_pytorch_model", "diffusion_pytorch_model", ema);
  const auto config = read_config(folder / "config.json");
  unet.options = config ? unet_options(*config, (folder / "config.json").string()) : infer_unet(unet.state);
  return unet;
}

AutoencoderWeights read_autoencoder(const fs::path& folder) {
  AutoencoderWeights autoencoder;
  autoencoder.state = autoencoder_from_old_diffusers(
      load_part(folder, "diffusion_pytorch_model", "diffusion_pytorch_model", /*ema=*/true));
  const auto config = read_config(folder / "config.json");
  autoencoder.options =
      config ? autoencoder_options(*config, (folder / "config.json").string()) : infer_autoencoder(autoencoder.state);
  return autoencoder;
}

// The word that pads prompts, by the tokenizer's own files; of the two the first is what transformers obeys.
std::optional<std::string> pad_word(const fs::path& tokenizer) {
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const auto config = read_config(tokenizer / name);
    if (!config || !config->contains("pad_token")) continue;
    const json& pad = (*config)["pad_token"];
    if (pad.is_string()) return pad.get<std::string>();
    if (pad.is_object() && pad.contains("content") && pad["content"].is_string())
      return pad["content"].get<std::string>();
  }
  return std::nullopt;
}

int32_t pad_token(const fs::path& tokenizer, const clip::TextTransformerOptions& text) {
  const std::optional<std::string> word = pad_word(tokenizer);
  if (word) return *word == "!" ? kOpenClipPad : kClipPad;
  return text.activation == nn::Activation::gelu ? kOpenClipPad : kClipPad;
}

TextWeights read_text(const fs::path& folder, const fs::path& tokenizer) {
  TextWeights text;
  text.state = text_from_layout(load_part(folder, "model", "pytorch_model", /*ema=*/true), TextLayout::clip);
  const auto config = read_config(folder / "config.json");
  text.options = config ? clip::hugging_face_text_options(*config, (folder / "config.json").string())
                        : infer_text(text.state, /*open_clip=*/false);
  text.pad = pad_token(tokenizer, text.options);
  return text;
}

std::optional<SchedulerOptions> read_scheduler(const fs::path& folder) {
  const auto config = read_config(folder / "scheduler_config.json");
  if (!config) return std::nullopt;
  try {
    return scheduler_options(*config);
  } catch (const UsageError& e) {  // the file is at fault, not the command
    throw Error({.what = e.info().what,
                 .file = (folder / "scheduler_config.json").string(),
                 .field = e.info().field,
                 .mend = e.info().mend});
  }
}

// Parts that the index lists; without an index, those that are there.
bool wants(const std::optional<json>& index, const fs::path& folder, const std::string& part) {
  std::error_code code;
  if (!index) return fs::is_directory(folder / part, code);
  const auto found = index->find(part);
  return found != index->end() && found->is_array() && !found->empty() && !found->front().is_null();
}

void refuse_other_models(const std::optional<json>& index, const fs::path& folder) {
  const auto refuse = [&](const std::string& what) {
    throw Error({.what = what,
                 .file = folder.string(),
                 .field = kIndex,
                 .mend = "Stable Diffusion 1, 2 and the x4 upscaler are supported (docs/weights.md)"});
  };
  if (wants(index, folder, "text_encoder_2")) refuse("is Stable Diffusion XL or another model with two text encoders");
  if (wants(index, folder, "transformer")) refuse("is a model with a transformer in the place of the U-Net");
  if (wants(index, folder, "image_encoder") && !wants(index, folder, "text_encoder"))
    refuse("is conditioned on a picture (Stable Video Diffusion), not on a prompt");
}

fs::path part_folder(const fs::path& folder, const std::string& part) {
  std::error_code code;
  if (!fs::is_directory(folder / part, code))
    throw Error(
        {.what = "is only half downloaded: it lacks the folder " + part, .file = folder.string(), .mend = kResume});
  return folder / part;
}

// The class that a folder's own config.json names, where it is one network; "" otherwise.
std::string network_class(const fs::path& folder) {
  const auto config = read_config(folder / "config.json");
  if (!config) return "";
  for (const char* key : {"_class_name", "model_type"}) {
    if (config->contains(key) && (*config)[key].is_string()) return (*config)[key].get<std::string>();
  }
  return "";
}

constexpr std::array<const char*, 3> kNetworks = {"UNet2DConditionModel", "AutoencoderKL", "clip_text_model"};

}  // namespace

std::optional<json> read_config(const fs::path& file) {
  if (!present(file)) return std::nullopt;
  auto object = json::parse(read_file(file, kLargestConfig), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    throw Error({.what = "is not a JSON object", .file = file.string(), .mend = "download it again"});
  return object;
}

bool is_diffusers_folder(const fs::path& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) return false;
  if (present(path / kIndex) || fs::is_directory(path / "unet", code)) return true;
  const std::string network = network_class(path);
  return std::find(kNetworks.begin(), kNetworks.end(), network) != kNetworks.end();
}

Weights read_diffusers_folder(const fs::path& folder, const WeightsOptions& options) {
  Weights weights{.layout = Layout::diffusers, .source = folder.string()};
  const auto index = read_config(folder / kIndex);
  const std::string network = index ? "" : network_class(folder);
  if (network == kNetworks[0]) {
    weights.unet = read_unet(folder, options.ema);
  } else if (network == kNetworks[1]) {
    weights.autoencoder = read_autoencoder(folder);
  } else if (network == kNetworks[2]) {
    weights.text = read_text(folder, folder);
  } else {
    refuse_other_models(index, folder);
    if (wants(index, folder, "unet")) weights.unet = read_unet(part_folder(folder, "unet"), options.ema);
    if (wants(index, folder, "vae")) weights.autoencoder = read_autoencoder(part_folder(folder, "vae"));
    if (wants(index, folder, "text_encoder"))
      weights.text = read_text(part_folder(folder, "text_encoder"), folder / "tokenizer");
  }
  if (const auto scheduler = read_scheduler(folder / "scheduler")) {
    weights.scheduler = *scheduler;
    weights.prediction_by = "as its scheduler_config.json says";
  } else if (wants(index, folder, "scheduler") && index) {
    throw Error({.what = "is only half downloaded: it lacks scheduler/scheduler_config.json",
                 .file = folder.string(),
                 .mend = kResume});
  }
  weights.low_res_scheduler = read_scheduler(folder / "low_res_scheduler");
  return weights;
}

}  // namespace cambium::latent_diffusion
