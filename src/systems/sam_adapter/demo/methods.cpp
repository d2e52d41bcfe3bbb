#include "systems/sam_adapter/demo/methods.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>

#include "core/error.h"
#include "core/paths.h"
#include "io/safetensors.h"
#include "systems/sam_adapter/adapt.h"
#include "systems/sam_adapter/training.h"

namespace cambium::systems::sam_adapter::demo {

namespace fs = std::filesystem;

std::vector<MethodPlan> plans(Problem problem) {
  const bool shadow = problem == Problem::shadow;
  // The paper's losses: balanced cross-entropy for shadows, cross-entropy and IoU for camouflage.
  const std::string loss = shadow ? "model.loss=bbce" : "model.loss=iou";
  return {{.method = Method::decoder, .overrides = {"peft.method=decoder", loss}, .lr = shadow ? 1e-3 : 2e-3},
          // The foundation is small: the prompts' inner width is a quarter of its width, not a thirty-second, and
          // LoRA's rank is as large as makes it alike. Rank 9 in every packed projection: 18,432 parameters in the
          // small foundation, beside the adapter's 18,752.
          {.method = Method::lora,
           .overrides = {"peft.method=lora", "peft.rank=9", "peft.alpha=9", "peft.qkv=\"\"", loss},
           .lr = shadow ? 4e-3 : 1e-3},
          {.method = Method::adapter, .overrides = {"peft.method=adapter", "peft.scale_factor=4", loss}, .lr = 1e-3}};
}

std::vector<double> candidate_rates() { return {1e-3, 2e-3, 4e-3}; }

Trained train_method(const MethodPlan& plan, Problem problem, double lr, const Foundation& foundation,
                     const TrainOptions& options) {
  // In YAML's double quotes a path may hold anything.
  const auto quoted = [](const fs::path& path) { return "\"" + path.string() + "\""; };
  std::vector<std::string> overrides = plan.overrides;
  overrides.insert(overrides.end(), {"foundation=" + quoted(foundation.path()), "train.lr=" + std::to_string(lr),
                                     "train.seed=" + std::to_string(options.seed),
                                     "data.images=" + quoted(fs::absolute(options.data / "train" / "images")),
                                     "data.masks=" + quoted(fs::absolute(options.data / "train" / "masks"))});
  if (options.steps > 0) overrides.push_back("train.steps=" + std::to_string(options.steps));
  if (options.batch > 0) overrides.push_back("train.batch=" + std::to_string(options.batch));
  overrides.insert(overrides.end(), options.overrides.begin(), options.overrides.end());
  const LoadedRecipe recipe = io::load_recipe<Recipe>(shared_file("recipes/sam_adapter/demo.yaml"), overrides);
  fs::remove_all(options.run);  // a demo starts anew every time
  const train::Distributed alone;
  const TrainedModel trained =
      train_model(recipe, {.run = options.run, .compute = foundation.compute(), .label = options.label}, alone);
  return {.delta = trained.file, .seconds = trained.result.seconds, .recipe = recipe.resolved};
}

std::shared_ptr<cambium::sam_adapter::SamAdapter> untrained(const Foundation& foundation) {
  const LoadedRecipe recipe =
      io::load_recipe<Recipe>(shared_file("recipes/sam_adapter/demo.yaml"), {"peft.method=decoder"});
  auto model = adapt(foundation.weights(), foundation.identity(), recipe.recipe).model;
  model->set_compute_dtype(foundation.compute().compute_dtype);
  model->to(foundation.compute().device);
  return model;
}

at::Tensor predict(cambium::sam_adapter::SamAdapter& model, const at::Tensor& images) {
  const at::NoGradGuard guard;
  constexpr int64_t kBatch = 16;
  const int64_t side = images.size(-1), wanted = model.options().sam.encoder.image_size;
  const c10::Device device = model.parameters().front().device();
  std::vector<at::Tensor> out;
  for (int64_t begin = 0; begin < images.size(0); begin += kBatch) {
    at::Tensor pixels = cambium::sam::normalize(images.slice(0, begin, begin + kBatch).to(device));  // [B, 3, S, S]
    if (side != wanted) pixels = at::upsample_bilinear2d(pixels, {wanted, wanted}, false);
    out.push_back(cambium::sam_adapter::upscale(model.forward(pixels), side, side).squeeze(1).sigmoid().cpu());
  }
  return at::cat(out);
}

DeltaSize measure_delta(const fs::path& delta) {
  DeltaSize size{.bytes = static_cast<int64_t>(fs::file_size(delta))};
  for (const auto& [name, tensor] : io::read_safetensors(delta).tensors) {
    size.trained += tensor.numel();
    if (name.starts_with("image_encoder.")) size.in_encoder += tensor.numel();
  }
  return size;
}

}  // namespace cambium::systems::sam_adapter::demo
