#include "systems/meru/adapt.h"

#include "core/error.h"
#include "core/random.h"
#include "nn/load.h"
#include "peft/lora.h"
#include "peft/select.h"

namespace cambium::systems::meru {
namespace {

constexpr const char* kRoot = "root";

// CLIP's root is no part of the model: it goes with the training that made it.
void drop_root(io::NamedTensors& tensors) {
  std::erase_if(tensors, [](const auto& item) { return item.first == kRoot; });
}

std::shared_ptr<cambium::clip::CLIP> make_model(const cambium::clip::Weights& weights, const ModelRecipe& recipe) {
  const auto loss = recipe.loss_options();
  if (recipe.hyperbolic()) return cambium::meru::make_hyperbolic(weights, loss, recipe.learn_curv);
  auto model = cambium::meru::make_model(weights.options, loss);
  nn::load_state(*model, weights.state, {.may_have = {"curv", "visual_alpha", "textual_alpha"}});
  if (recipe.objective == "euclip") {
    const at::NoGradGuard guard;
    model->logit_scale().fill_(-1);  // where squared distances train
  }
  return model;
}

}  // namespace

Adapted adapt(cambium::clip::Weights weights, const Recipe& recipe) {
  drop_root(weights.state.tensors);
  Adapted adapted;
  // First: the model takes the weights' tensors over, and fresh scalars are written into them.
  adapted.foundation = peft::Foundation::of(weights.state.tensors);
  adapted.model = make_model(weights, recipe.model);
  if (!recipe.peft.active()) return adapted;
  std::vector<std::string> trained = {"visual_proj.weight", "textual_proj.weight", "logit_scale"};
  if (recipe.model.hyperbolic()) trained.insert(trained.end(), {"curv", "visual_alpha", "textual_alpha"});
  if (recipe.peft.method == "lora") {
    at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "lora"));
    peft::add_lora(*adapted.model,
                   {.rank = recipe.peft.rank, .alpha = recipe.peft.alpha, .targets = recipe.peft.targets}, generator);
    trained.insert(trained.end(), {"*.lora_a", "*.lora_b"});
  }
  peft::train_only(*adapted.model, trained);
  return adapted;
}

void save_delta(const std::filesystem::path& file, const Adapted& adapted, const LoadedRecipe& recipe,
                const at::Tensor& root) {
  peft::Delta delta{.system = "meru",
                    .method = recipe.recipe.peft.method,
                    .recipe = recipe.resolved,
                    .foundation = adapted.foundation,
                    .tensors = peft::trained_tensors(*adapted.model)};
  if (root.defined()) delta.tensors.emplace_back(kRoot, root);
  peft::write_delta(file, delta);
}

cambium::meru::Checkpoint open_adapted(const std::filesystem::path& weights, const std::filesystem::path& file,
                                       bool allow) {
  peft::Delta delta = peft::read_delta(file);
  if (delta.system != "meru") {
    throw Error(
        {.what = "belongs to the system " + delta.system + ", not to meru", .file = file.string(), .field = "system"});
  }
  const Recipe recipe = io::parse_recipe<Recipe>(delta.recipe, file.string() + ", its recipe").recipe;
  cambium::clip::Weights foundation = cambium::clip::read_weights(weights);
  drop_root(foundation.state.tensors);
  peft::check_foundation(delta, peft::Foundation::of(foundation.state.tensors), weights, allow);
  Adapted adapted = adapt(std::move(foundation), recipe);
  cambium::meru::Checkpoint out{.model = std::move(adapted.model)};
  for (const auto& [name, tensor] : delta.tensors) {
    if (name == kRoot) out.root = tensor.to(at::kFloat).flatten();
  }
  drop_root(delta.tensors);
  peft::apply_delta(*out.model, delta);
  return out;
}

}  // namespace cambium::systems::meru
