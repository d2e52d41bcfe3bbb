#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/log.h"
#include "core/progress.h"
#include "io/convert.h"
#include "io/weights_file.h"
#include "models/clip/foreign_config.h"
#include "models/clip/options_json.h"
#include "models/clip/weights.h"
#include "models/latent_diffusion/weights.h"
#include "models/latent_diffusion/weights_writer.h"

namespace cambium::cli {
namespace {

struct ConvertCommand : CommonOptions {
  std::string in, out, key, to, convert_dtype;
  bool no_ema = false;
};

std::optional<c10::ScalarType> floating(const ConvertCommand& options) {
  if (options.convert_dtype == "f32") return c10::kFloat;
  if (options.convert_dtype == "bf16") return c10::kBFloat16;
  if (options.convert_dtype == "f16") return c10::kHalf;
  return std::nullopt;
}

bool is_latent_diffusion(const std::string& layout) { return layout == "ldm" || layout == "diffusers"; }

// Beside a file of transformers' own name, what makes its folder one that transformers opens.
void write_hugging_face_config(const std::filesystem::path& out, const std::string& described) {
  if (out.filename() != "model.safetensors" && out.filename() != "pytorch_model.bin") return;
  const auto options = clip::options_from_json(nlohmann::json::parse(described), out.string());
  write_file(out.parent_path() / "config.json", clip::hugging_face_config(options).dump(2) + "\n");
  write_file(out.parent_path() / "preprocessor_config.json", clip::hugging_face_preprocessor(options).dump(2) + "\n");
}

// A latent diffusion model: several networks at once.
io::ConvertResult convert_latent_diffusion(const ConvertCommand& options) {
  const auto weights = latent_diffusion::read_weights(options.in, {.ema = !options.no_ema, .key = options.key});
  const auto written = options.to == "ldm"
                           ? latent_diffusion::write_single_file(options.out, weights, floating(options))
                           : latent_diffusion::write_diffusers_folder(options.out, weights, floating(options));
  return {.tensors = written.tensors, .bytes = written.bytes};
}

// One state dict: its container, and the names of a CLIP.
io::ConvertResult convert_file(const ConvertCommand& options) {
  io::ConvertOptions convert{.floating = floating(options), .key = options.key};
  std::string described;  // what names and shapes do not tell, as JSON
  if (!options.to.empty()) {
    const clip::Layout target = clip::parse_layout(options.to);
    if (std::filesystem::path(options.out).extension() != ".safetensors") {
      log::warn(
          "only .safetensors says the activation, heads and pixel statistics, which names and shapes do not tell");
    }
    const auto folder = io::find_weights(options.in).front().parent_path();
    convert.rename = [target, folder, &described](io::StateDict state) {
      io::StateDict out = clip::relabel(std::move(state), target, folder);
      if (target == clip::Layout::hugging_face) described = out.metadata.at(clip::kOptionsKey);
      return out;
    };
  }
  const auto result = io::convert_weights(options.in, options.out, convert);
  if (!described.empty()) write_hugging_face_config(options.out, described);
  return result;
}

void run(const ConvertCommand& options) {
  const auto result = is_latent_diffusion(options.to) ? convert_latent_diffusion(options) : convert_file(options);
  std::string text = options.out + ": " + format_count(result.tensors) + " tensors, " +
                     format_bytes(static_cast<double>(result.bytes));
  for (size_t i = 0; i < result.dropped.size(); ++i) text += (i ? ", " : "; left out: ") + result.dropped[i];
  if (options.json != "-") std::cout << text << "\n";
  write_json(
      options,
      nlohmann::json(
          {{"file", options.out}, {"tensors", result.tensors}, {"bytes", result.bytes}, {"dropped", result.dropped}})
          .dump(2));
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<ConvertCommand>();
  CLI::App* command =
      add_command(app, "convert", "move weights between containers (.safetensors, .pth) and layouts of names",
                  "cambium convert v1-5-pruned.ckpt stable-diffusion --to diffusers");
  command->add_option("in", options->in, "weights as inspect reads them")->required();
  command->add_option("out", options->out, "output: .safetensors, or .pth, .pt, .ckpt, .bin; or a folder (diffusers)")
      ->required();
  command->add_option("--key", options->key, "which value of a .pth file holds the tensors");
  command->add_option("--to", options->to,
                      "a CLIP's names: meru, openai, open_clip or hugging_face; a latent diffusion model's: ldm (a "
                      "single file) or diffusers (a folder) (default: unchanged)");
  command->add_flag("--no-ema", options->no_ema,
                    "of a latent diffusion model, the weights that training left instead of their moving average");
  command
      ->add_option("--dtype", options->convert_dtype,
                   "f32, bf16 or f16 for floating-point tensors (default: unchanged)")
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  command->add_option("--json", options->json, "write what was done as JSON to this file (- for standard output)");
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
