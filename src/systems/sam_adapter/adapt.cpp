#include "systems/sam_adapter/adapt.h"

#include "core/error.h"
#include "core/glob.h"
#include "core/random.h"
#include "models/sam_adapter/visual_prompts.h"
#include "models/sam_adapter/weights.h"
#include "peft/conv_lora.h"
#include "peft/lora.h"
#include "peft/select.h"
#include "peft/targets.h"

namespace cambium::systems::sam_adapter {
namespace {

using cambium::sam_adapter::SamAdapter;

constexpr const char* kBasis = "pe_layer.positional_encoding_gaussian_matrix";

at::Tensor basis_of(const SamAdapter& model) { return model.pe_layer()->named_buffers().front().value(); }

// The index in "image_encoder.blocks.<i>.", or -1.
int64_t block_of(const std::string& name) {
  constexpr std::string_view stem = "image_encoder.blocks.";
  return name.starts_with(stem) ? std::stoll(name.substr(stem.size())) : -1;
}

// The first block that is adapted. UsageError if there are not that many.
int64_t first_adapted_block(const PeftRecipe& peft, int64_t depth) {
  if (peft.last_blocks == 0) return 0;
  if (peft.last_blocks > depth) {
    throw UsageError(
        {.what = "names " + std::to_string(peft.last_blocks) + " blocks of an encoder of " + std::to_string(depth),
         .field = "peft.last_blocks",
         .mend = "write 0 for all"});
  }
  return depth - peft.last_blocks;
}

// The targets' layers at or behind `first`, by name. The pattern's own errors come from peft.
std::vector<std::string> targets_behind(SamAdapter& model, const PeftRecipe& peft, int64_t first) {
  if (first == 0) return peft.targets;
  std::vector<std::string> names;
  for (const auto& layer : peft::choose_layers(model, peft.targets, peft.rank)) {
    if (block_of(layer.name) >= first) names.push_back(layer.name);
  }
  if (names.empty()) {
    throw UsageError({.what = "match no layer of the last " + std::to_string(peft.last_blocks) + " blocks",
                      .field = "peft.targets"});
  }
  return names;
}

// Adds what the method adds; the patterns of the parameters that it trains in the encoder.
std::vector<std::string> attach(SamAdapter& model, const PeftRecipe& peft, int64_t first, at::Generator& generator) {
  const auto& encoder = model.options().sam.encoder;
  if (peft.method == "adapter") return {"image_encoder.prompt_generator.*"};
  if (peft.method == "lora") {
    peft::add_lora(
        model, {.rank = peft.rank, .alpha = peft.alpha, .targets = targets_behind(model, peft, first), .qkv = peft.qkv},
        generator);
    return {"*.lora_a", "*.lora_b"};
  }
  if (peft.method == "conv_lora") {
    peft::add_conv_lora(
        model, {.rank = peft.rank, .alpha = peft.alpha, .experts = peft.experts, .targets = peft.targets}, generator);
    return {"*.conv_lora.*"};
  }
  if (peft.method == "vpt") {
    auto prompts =
        std::make_shared<cambium::sam_adapter::VisualPrompts>(peft.tokens, encoder.depth, encoder.width, encoder.patch);
    prompts->initialize(generator);
    model.image_encoder()->register_module("visual_prompts", prompts);
    model.set_injection(prompts);
    return {"image_encoder.visual_prompts.*"};
  }
  if (peft.method == "bitfit") {
    std::vector<std::string> biases;
    for (const auto& item : model.named_parameters()) {
      const bool bias = item.key().starts_with("image_encoder.") && item.key().ends_with(".bias");
      // Behind the blocks comes the neck.
      const int64_t block = item.key().starts_with("image_encoder.neck.") ? encoder.depth : block_of(item.key());
      if (bias && (first == 0 || block >= first)) biases.push_back(item.key());
    }
    return biases;
  }
  return {};
}

}  // namespace

AdaptedModel adapt(const cambium::sam::Weights& weights, const peft::Foundation& identity, const Recipe& recipe,
                   const nn::LoadOptions& load) {
  cambium::sam_adapter::SamAdapterOptions options{.sam = weights.options, .classes = recipe.model.classes};
  if (recipe.peft.method == "adapter") {
    options.prompts = cambium::sam_adapter::SamAdapterOptions::fit(recipe.prompts(), weights.options.encoder);
  }
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, recipe.peft.method));
  AdaptedModel adapted{.model = {}, .foundation = identity};
  adapted.model = cambium::sam_adapter::from_sam(weights, options,
                                                 {.keep_prompt_encoder = !recipe.official(), .load = load}, generator);
  if (recipe.official()) {
    // Deltas are kept in bfloat16, and the basis must come back as it was trained with.
    const at::NoGradGuard guard;
    at::Tensor basis = basis_of(*adapted.model);
    basis.copy_(basis.to(at::kBFloat16));
  }
  const int64_t depth = weights.options.encoder.depth, first = first_adapted_block(recipe.peft, depth);
  std::vector<std::string> trained = attach(*adapted.model, recipe.peft, first, generator);
  adapted.frozen_blocks = recipe.peft.method == "decoder" ? depth : first;
  if (recipe.peft.decoder) trained.insert(trained.end(), {"mask_decoder.*", "no_mask_embed.weight"});
  peft::train_only(*adapted.model, trained);
  return adapted;
}

void own_trained(SamAdapter& model) {
  const at::NoGradGuard guard;
  for (auto& parameter : model.parameters()) {
    if (parameter.requires_grad()) parameter.set_data(parameter.detach().clone());
  }
}

io::NamedTensors delta_tensors(const SamAdapter& model, const Recipe& recipe) {
  io::NamedTensors tensors = peft::trained_tensors(model);
  if (recipe.official()) tensors.emplace_back(kBasis, basis_of(model));
  return tensors;
}

void save_delta(const std::filesystem::path& file, const AdaptedModel& adapted, const LoadedRecipe& recipe,
                c10::ScalarType dtype) {
  peft::write_delta(file,
                    {.system = "sam_adapter",
                     .method = recipe.recipe.peft.method,
                     .recipe = recipe.resolved,
                     .foundation = adapted.foundation,
                     .tensors = delta_tensors(*adapted.model, recipe.recipe)},
                    dtype);
}

void apply_delta(SamAdapter& model, peft::Delta delta, const Recipe& recipe) {
  if (recipe.official()) {
    const auto basis =
        std::find_if(delta.tensors.begin(), delta.tensors.end(), [](const auto& item) { return item.first == kBasis; });
    if (basis == delta.tensors.end())
      throw Error({.what = "is missing", .file = delta.source, .field = kBasis, .mend = "make the delta again"});
    at::Tensor own = basis_of(model);
    if (own.sizes() != basis->second.sizes())
      throw Error({.what = "has another shape than the model's", .file = delta.source, .field = kBasis});
    own.copy_(basis->second);
    delta.tensors.erase(basis);
  }
  peft::apply_delta(model, delta);
}

}  // namespace cambium::systems::sam_adapter
