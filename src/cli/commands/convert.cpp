#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "core/progress.h"
#include "io/convert.h"
#include "models/clip/layouts.h"

namespace cambium::cli {

void add_convert(CLI::App& app) {
  struct Options : CommonOptions {
    std::string in, out, key, to, convert_dtype;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, "convert", "move weights between containers (.safetensors, .pth) and layouts of names",
                                  "cambium convert ViT-B-32.pt clip.safetensors --to meru");
  command->add_option("in", options->in, "weights as inspect reads them")->required();
  command->add_option("out", options->out, "output: .safetensors, or .pth, .pt, .bin")->required();
  command->add_option("--key", options->key, "which value of a .pth file holds the tensors");
  command->add_option("--to", options->to, "CLIP's names: meru, openai, open_clip or hugging_face (default: unchanged)");
  command->add_option("--dtype", options->convert_dtype, "f32, bf16 or f16 for floating-point tensors (default: unchanged)")
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  command->add_option("--json", options->json, "write what was done as JSON to this file (- for standard output)");
  command->callback([options] {
    io::ConvertOptions convert{.key = options->key};
    if (options->convert_dtype == "f32") convert.floating = c10::kFloat;
    if (options->convert_dtype == "bf16") convert.floating = c10::kBFloat16;
    if (options->convert_dtype == "f16") convert.floating = c10::kHalf;
    if (!options->to.empty()) {
      const clip::Layout target = clip::parse_layout(options->to);
      convert.rename = [target](io::StateDict state) {
        state = clip::to_canonical(state, clip::detect_layout(state));
        return target == clip::Layout::meru ? state : clip::from_canonical(state, target);
      };
    }
    const auto result = io::convert_weights(options->in, options->out, convert);
    std::string text = options->out + ": " + format_count(result.tensors) + " tensors, " + format_bytes(static_cast<double>(result.bytes));
    for (size_t i = 0; i < result.dropped.size(); ++i) text += (i ? ", " : "; left out: ") + result.dropped[i];
    if (options->json != "-") std::cout << text << "\n";
    write_json(*options, nlohmann::json({{"file", options->out}, {"tensors", result.tensors}, {"bytes", result.bytes}, {"dropped", result.dropped}}).dump(2));
  });
}

}  // namespace cambium::cli
