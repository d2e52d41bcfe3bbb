#include "models/latent_diffusion/weights_writer.h"

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "models/clip/foreign_config.h"
#include "models/clip/tokenizer_files.h"
#include "models/latent_diffusion/ldm_file.h"
#include "models/latent_diffusion/options_metadata.h"

namespace cambium::latent_diffusion {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The release of diffusers whose fields are written.
constexpr const char* kDiffusersVersion = "0.30.0";

Parts parts_of(const Weights& weights) {
  Parts parts;
  if (weights.unet) parts.unet = weights.unet->state;
  if (weights.autoencoder) parts.autoencoder = weights.autoencoder->state;
  if (weights.text) {
    parts.text = weights.text->state;
    const bool open_clip = weights.text->options.activation == nn::Activation::gelu;
    parts.text_layout = open_clip ? TextLayout::open_clip : TextLayout::clip;
  }
  return parts;
}

void write_json(const fs::path& file, const json& object) { write_file(file, object.dump(2) + "\n"); }

class FolderWriter {
 public:
  FolderWriter(fs::path folder, std::optional<c10::ScalarType> floating)
      : folder_(std::move(folder)), floating_(floating) {}

  void network(const char* part, const char* file, const io::StateDict& state, const json& config) {
    fs::create_directories(folder_ / part);
    write_json(folder_ / part / "config.json", config);
    io::write_safetensors(folder_ / part / file, state.tensors, {{"format", "pt"}}, floating_);
    written_.tensors += static_cast<int64_t>(state.tensors.size());
    written_.bytes += static_cast<int64_t>(fs::file_size(folder_ / part / file));
  }

  void scheduler(const char* part, const SchedulerOptions& options) {
    fs::create_directories(folder_ / part);
    write_json(folder_ / part / "scheduler_config.json", to_json(options));
  }

  Written written() const { return written_; }

 private:
  fs::path folder_;
  std::optional<c10::ScalarType> floating_;
  Written written_;
};

json model_index(const Weights& weights) {
  const bool upscaler = weights.low_res_scheduler.has_value();
  const auto entry = [](bool there, const char* library, const std::string& name) {
    return there ? json{library, name} : json{nullptr, nullptr};
  };
  const auto scheduler = [](const SchedulerOptions& options) {
    return json{"diffusers", to_json(options).at("_class_name")};
  };
  json index = {{"_class_name", upscaler ? "StableDiffusionUpscalePipeline" : "StableDiffusionPipeline"},
                {"_diffusers_version", kDiffusersVersion},
                {"unet", entry(weights.unet.has_value(), "diffusers", "UNet2DConditionModel")},
                {"vae", entry(weights.autoencoder.has_value(), "diffusers", "AutoencoderKL")},
                {"text_encoder", entry(weights.text.has_value(), "transformers", "CLIPTextModel")},
                {"tokenizer", entry(weights.text.has_value(), "transformers", "CLIPTokenizer")},
                {"scheduler", scheduler(weights.scheduler)},
                {"safety_checker", {nullptr, nullptr}},
                {"feature_extractor", {nullptr, nullptr}},
                {"requires_safety_checker", false}};
  if (upscaler) {
    index["low_res_scheduler"] = scheduler(*weights.low_res_scheduler);
    for (const char* absent : {"safety_checker", "feature_extractor", "requires_safety_checker"}) index.erase(absent);
  }
  return index;
}

}  // namespace

Written write_single_file(const fs::path& path, const Weights& weights, std::optional<c10::ScalarType> floating) {
  io::StateDict file = join_ldm(parts_of(weights));
  if (path.extension() == ".safetensors") {
    file.metadata = {{"format", "pt"}, {kMetadataKey, metadata_of(weights)}};
    io::write_safetensors(path, file, floating);
  } else if (path.extension() == ".ckpt") {
    io::write_pth(path, file, floating);
  } else {
    throw UsageError({.what = "does not say which container to write",
                      .file = path.string(),
                      .mend = "end the name in .safetensors or .ckpt"});
  }
  return {.tensors = static_cast<int64_t>(file.tensors.size()), .bytes = static_cast<int64_t>(fs::file_size(path))};
}

Written write_diffusers_folder(const fs::path& folder, const Weights& weights,
                               std::optional<c10::ScalarType> floating) {
  std::error_code code;
  if (fs::exists(folder, code) && !fs::is_empty(folder, code)) {
    throw UsageError({.what = "is there already, and is not empty",
                      .file = folder.string(),
                      .mend = "give the name of a folder that does not exist"});
  }
  AtomicDirectory whole(folder);
  FolderWriter writer(whole.temporary(), floating);
  const char* const tensors = "diffusion_pytorch_model.safetensors";
  if (weights.unet) writer.network("unet", tensors, weights.unet->state, unet_config(weights.unet->options));
  if (weights.autoencoder)
    writer.network("vae", tensors, weights.autoencoder->state, autoencoder_config(weights.autoencoder->options));
  if (weights.text) {
    writer.network("text_encoder", "model.safetensors", text_to_layout(weights.text->state, TextLayout::clip),
                   clip::hugging_face_text_config(weights.text->options));
    clip::write_hugging_face_tokenizer(whole.temporary() / "tokenizer", weights.text->pad == kOpenClipPad ? "!" : "");
  }
  writer.scheduler("scheduler", weights.scheduler);
  if (weights.low_res_scheduler) writer.scheduler("low_res_scheduler", *weights.low_res_scheduler);
  write_json(whole.temporary() / "model_index.json", model_index(weights));
  whole.commit();
  return writer.written();
}

}  // namespace cambium::latent_diffusion
