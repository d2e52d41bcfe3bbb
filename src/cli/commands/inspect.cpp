#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "index/index.h"
#include "io/inspect.h"
#include "io/weights_file.h"
#include "models/latent_diffusion/describe.h"
#include "models/latent_diffusion/diffusers_folder.h"

namespace cambium::cli {

void add_inspect(CLI::App& app) {
  struct Options : CommonOptions {
    std::string path, key;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, "inspect", "show what a weights file, a checkpoint or an index holds",
                                  "cambium inspect ViT-B-32.pt");
  command
      ->add_option(
          "path", options->path,
          "a file (.safetensors, .pth, .pt, .ckpt, .bin), a Hugging Face folder (diffusers' too), or an index folder")
      ->required();
  command->add_option("--key", options->key, "which value of a .pth file holds the tensors (default: found by itself)");
  command->add_option("--json", options->json, "write the description as JSON to this file (- for standard output)");
  command->callback([options] {
    if (index::Index::exists(options->path)) {
      const auto info = index::Index::open(options->path).info();
      if (options->json != "-") std::cout << index::to_text(info);
      write_json(*options, index::to_json(info).dump(2));
      return;
    }
    if (latent_diffusion::is_diffusers_folder(io::follow_snapshot(options->path))) {
      const auto weights = latent_diffusion::read_weights(options->path);
      if (options->json != "-") std::cout << latent_diffusion::to_text(weights);
      write_json(*options, latent_diffusion::to_json(weights).dump(2));
      return;
    }
    const auto info = io::inspect_weights(options->path, options->key);
    if (options->json != "-") std::cout << io::to_text(info);
    write_json(*options, io::to_json(info).dump(2));
  });
}

}  // namespace cambium::cli
