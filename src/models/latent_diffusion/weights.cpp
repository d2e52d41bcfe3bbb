#include "models/latent_diffusion/weights.h"

#include "core/error.h"
#include "core/log.h"
#include "io/weights_file.h"
#include "models/clip/text_transformer.h"
#include "models/clip/weights.h"
#include "models/latent_diffusion/autoencoder.h"
#include "models/latent_diffusion/diffusers_folder.h"
#include "models/latent_diffusion/infer_options.h"
#include "models/latent_diffusion/layouts.h"
#include "models/latent_diffusion/ldm_file.h"
#include "models/latent_diffusion/options_metadata.h"
#include "models/latent_diffusion/prediction_rule.h"
#include "models/latent_diffusion/unet.h"
#include "models/latent_diffusion/unknown_layout.h"
#include "nn/load.h"

namespace cambium::latent_diffusion {
namespace {

// The noise of the x4 upscaler's training, of its latents and of the picture that it is given.
constexpr double kUpscalerBetaStart = 0.0001, kUpscalerBetaEnd = 0.02;

// The networks of a single file by their canonical names.
Weights of_parts(Parts parts) {
  Weights weights;
  if (!parts.unet.tensors.empty())
    weights.unet = UNetWeights{.options = infer_unet(parts.unet), .state = std::move(parts.unet)};
  if (!parts.autoencoder.tensors.empty()) {
    weights.autoencoder =
        AutoencoderWeights{.options = infer_autoencoder(parts.autoencoder), .state = std::move(parts.autoencoder)};
  }
  if (!parts.text.tensors.empty()) {
    const bool open_clip = parts.text_layout == TextLayout::open_clip;
    weights.text = TextWeights{.options = infer_text(parts.text, open_clip),
                               .state = std::move(parts.text),
                               .pad = open_clip ? kOpenClipPad : kClipPad};
  }
  return weights;
}

// One network of diffusers in a file of its own, as in the folders "unet", "vae" and "text_encoder".
Parts single_network(const io::StateDict& state) {
  const NameSet names(state);
  Parts parts;
  if (names.contains("conv_in.weight") && names.any_below("down_blocks.")) {
    parts.unet = state;
  } else if (names.any_below("decoder.up_blocks.")) {
    parts.autoencoder = autoencoder_from_old_diffusers(state);
  } else if (names.any_below("text_model.") && !names.any_below("vision_model.")) {
    parts.text = text_from_layout(state, TextLayout::clip);
  } else {
    refuse_layout(state);
  }
  return parts;
}

void report_left_out(const Parts& parts, const std::string& source) {
  if (parts.left_out.empty()) return;
  log::warn_once(source + ": left out " + std::to_string(parts.left_out.size()) +
                 " tensors that belong to no part of a latent diffusion model (" + parts.left_out.front() +
                 (parts.left_out.size() > 1 ? ", ...)" : ")"));
}

// What the LDM code keeps in a configuration apart from the file.
void apply_training_rules(const std::filesystem::path& path, const io::StateDict& state, const WeightsOptions& options,
                          Weights& weights) {
  if (!weights.unet) return;
  const PredictionRule rule = prediction_of(path, state, weights.unet->options);
  weights.scheduler.prediction = rule.prediction;
  weights.prediction_by = rule.by;
  if (weights.unet->options.class_embeddings > 0) {
    weights.scheduler.noise.beta_start = kUpscalerBetaStart;
    weights.scheduler.noise.beta_end = kUpscalerBetaEnd;
    weights.low_res_scheduler = SchedulerOptions{.kind = SchedulerKind::ddpm, .noise = weights.scheduler.noise};
  }
  if (rule.guessed && !options.prediction) {
    log::warn_once(path.filename().string() + ": takes it that the U-Net predicts " +
                   (rule.prediction == Prediction::velocity ? "velocity (v), " : "noise (epsilon), ") + rule.by +
                   "; nothing in the file says so");
  }
}

Weights read_single_file(const std::filesystem::path& path, const WeightsOptions& options) {
  const io::StateDict state = io::load_weights(path, options.key);
  const bool ldm = is_ldm(state);
  if (ldm) refuse_relatives(state);
  Parts parts = ldm ? split_ldm(state, options.ema) : single_network(state);
  report_left_out(parts, state.source);
  Weights weights = of_parts(std::move(parts));
  weights.layout = ldm ? Layout::ldm : Layout::diffusers;
  weights.source = path.string();
  if (state.metadata.contains(kMetadataKey)) {
    apply_metadata(state, weights);
  } else {
    apply_training_rules(io::find_weights(path).front(), state, options, weights);
  }
  return weights;
}

[[noreturn]] void lacks(const Weights& weights, const char* what) {
  throw Error({.what = std::string("holds no ") + what,
               .file = weights.source,
               .mend = "give a whole model: a single file, or a folder with model_index.json"});
}

nn::LoadOptions load_options(const Compute& compute) {
  nn::LoadOptions load{.device = compute.device};
  if (compute.param_dtype != c10::kFloat) load.weight_dtype = compute.param_dtype;
  return load;
}

}  // namespace

Weights read_weights(const std::filesystem::path& path, const WeightsOptions& options) {
  const std::filesystem::path place = io::follow_snapshot(path);
  Weights weights =
      is_diffusers_folder(place) ? read_diffusers_folder(place, options) : read_single_file(place, options);
  if (options.prediction) {
    weights.scheduler.prediction = *options.prediction;
    weights.prediction_by = "as asked";
  }
  return weights;
}

std::shared_ptr<UNet> open_unet(const Weights& weights, const Compute& compute) {
  if (!weights.unet) lacks(weights, "U-Net");
  auto model = std::make_shared<UNet>(weights.unet->options);
  nn::load_state(*model, weights.unet->state, load_options(compute));
  model->set_compute_dtype(compute.compute_dtype);
  return model;
}

std::shared_ptr<Autoencoder> open_autoencoder(const Weights& weights, const Compute& compute) {
  if (!weights.autoencoder) lacks(weights, "autoencoder");
  auto model = std::make_shared<Autoencoder>(weights.autoencoder->options);
  nn::load_state(*model, weights.autoencoder->state, load_options(compute));
  return model;
}

std::shared_ptr<clip::TextTransformer> open_text(const Weights& weights, const Compute& compute) {
  if (!weights.text) lacks(weights, "text encoder");
  auto model = std::make_shared<clip::TextTransformer>(weights.text->options);
  nn::LoadOptions load = load_options(compute);
  load.may_miss = {"attn_mask"};  // made by the module itself
  nn::load_state(*model, clip::tower_state(weights.text->state, "textual."), load);
  return model;
}

}  // namespace cambium::latent_diffusion
