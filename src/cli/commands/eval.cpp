#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/paths.h"
#include "systems/meru/eval.h"

namespace cambium::cli {

void add_eval(CLI::App& app) {
  struct Options : CommonOptions {
    std::string recipe;
    systems::meru::ModelFiles model;
    std::vector<std::string> set;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(
      app, "eval", "the paper's evaluation of a trained model on your own copy of a data set",
      "cambium eval recipes/meru/eval_image_folder.yaml --weights meru_vit_l.pth --set data.path=imagenet/val");
  command->add_option("recipe", options->recipe, "the evaluation recipe (YAML)")->required();
  add_model_files(*command, options->model, "a MERU or CLIP file or folder (docs/weights.md lists them)", true);
  command->add_option("--set", options->set, "override a field: --set data.path=DIR (may be repeated)")
      ->type_size(1)
      ->allow_extra_args(false);
  add_common(*command, *options);
  command->callback([options] {
    using namespace systems::meru;
    const Compute compute = options->apply();
    std::filesystem::path file = options->recipe;
    std::error_code code;
    if (!std::filesystem::exists(file, code) && file.is_relative()) file = shared_file(options->recipe);
    const EvalRecipe recipe = load_eval_recipe(file, options->set);
    const EvalResult result = evaluate(Embedder::open(options->model, compute), recipe);
    if (options->json != "-") std::cout << report::to_text(result.table);
    nlohmann::ordered_json json = {
        {"task", recipe.task}, {"weights", options->model.weights}, {"data", recipe.data.path}};
    if (!options->model.delta.empty()) json["delta"] = options->model.delta;
    for (const auto& [name, value] : result.numbers) json[name] = value;
    write_json(*options, json.dump(2));
  });
}

}  // namespace cambium::cli
