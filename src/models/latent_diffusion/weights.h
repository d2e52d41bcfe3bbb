#pragma once
// From what people have on disk to the networks of a latent diffusion model: a single file of the original LDM code
// (.safetensors, .ckpt), a folder of diffusers, or one network of either.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/device.h"
#include "io/state_dict.h"
#include "models/clip/options.h"
#include "models/latent_diffusion/options.h"
#include "models/latent_diffusion/scheduler_options.h"

namespace cambium::clip {
class TextTransformer;
}

namespace cambium::latent_diffusion {

class Autoencoder;
class UNet;

enum class Layout {
  ldm,        // single files: model.diffusion_model. ..., first_stage_model. ..., cond_stage_model. ...
  diffusers,  // model_index.json and a folder for each network
};

// What files do not always say. Set, it wins over the file.
struct WeightsOptions {
  // The U-Net's moving average, where the file holds one beside the weights that training left; for training on, turn
  // it off. In a folder of diffusers: off prefers the "non_ema" variant, where there is one.
  bool ema = true;
  // What the U-Net predicts.
  std::optional<Prediction> prediction = std::nullopt;
  // Which value of a .ckpt file holds the tensors, as io::load_weights says.
  std::string key = {};
};

// The tokens that pad prompts to 77: the end of text (Stable Diffusion 1), and "!" (open_clip's, Stable Diffusion 2).
inline constexpr int32_t kClipPad = 49407, kOpenClipPad = 0;

struct UNetWeights {
  UNetOptions options = {};
  io::StateDict state = {};  // diffusers' names
};

struct AutoencoderWeights {
  AutoencoderOptions options = {};
  io::StateDict state = {};  // diffusers' names
};

struct TextWeights {
  clip::TextTransformerOptions options = {};  // of the blocks that are read: 23 of Stable Diffusion 2's
  io::StateDict state = {};                   // models/clip's names, "textual." before them
  int32_t pad = kClipPad;                     // the token behind the end of a prompt, which is attended to
};

struct Weights {
  Layout layout = Layout::ldm;  // the layout it came in
  std::string source = {};      // the file or folder
  std::optional<UNetWeights> unet = std::nullopt;
  std::optional<AutoencoderWeights> autoencoder = std::nullopt;
  std::optional<TextWeights> text = std::nullopt;
  SchedulerOptions scheduler = {};
  std::optional<SchedulerOptions> low_res_scheduler = std::nullopt;  // x4 upscaler: noise of the picture it is given
  std::string prediction_by = {};  // how it is known what the U-Net predicts, as a clause
};

// Tensors stay mapped; only q, k and v of text encoders are copied, into one tensor each. A Hugging Face cache folder
// is followed to its snapshot. Sizes: the folder's configurations, our own files' metadata, else the shapes
// (infer_options.h). What the U-Net predicts: the option, the scheduler's configuration, a file's metadata, its number
// of training steps, else the noise, but for Stable Diffusion 2 velocity unless its name says "512" or "base".
// Errors, one sentence: a layout that is not known (what it is closest to), a folder half downloaded (what is missing),
// tensors that contradict each other.
Weights read_weights(const std::filesystem::path& path, const WeightsOptions& options = {});

// New modules over the tensors, without a copy of what needs no conversion: matrices and kernels in
// compute.param_dtype, on compute.device. Error naming the file where it does not hold that network.
std::shared_ptr<UNet> open_unet(const Weights& weights, const Compute& compute = {});
std::shared_ptr<Autoencoder> open_autoencoder(const Weights& weights, const Compute& compute = {});
std::shared_ptr<clip::TextTransformer> open_text(const Weights& weights, const Compute& compute = {});

}  // namespace cambium::latent_diffusion
