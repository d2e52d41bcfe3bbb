// One training step of MERU ViT-S on 64 pairs: forward, backward, AdamW. usage: bench_train_meru_vit_s f32|bf16
#include <ATen/ops/randint.h>

#include "core/random.h"
#include "measure.h"
#include "systems/meru/task.h"
#include "systems/meru/training.h"

int main(int argc, char** argv) {
  using namespace cambium;
  const std::string dtype = argc > 1 ? argv[1] : "bf16";
  systems::meru::Recipe recipe;
  const auto model = systems::meru::build_model(recipe.model, 0);
  model->set_compute_dtype(dtype == "bf16" ? at::kBFloat16 : at::kFloat);
  const auto scalars = cambium::meru::loss_scalars(*model);
  const auto options = recipe.model.loss_options();
  train::AdamW optimizer(systems::meru::parameter_groups(*model, 0.2, 0.2), {});
  at::Generator generator = make_generator(1);
  const at::Tensor pixels = at::randint(256, {64, 3, 224, 224}, generator, at::kByte);
  at::Tensor ids = at::randint(1, 49000, {64, 20}, generator, at::kLong);
  ids.select(1, 19).fill_(49407);
  const double seconds = bench::best_of(3, [&] {
    optimizer.zero_grad();
    cambium::meru::clamp_scalars(scalars, options);
    const auto out = cambium::meru::contrastive_loss(
        {.image = model->image_features(pixels), .text = model->text_features(ids)}, scalars, options);
    train::backward(out.loss);
    optimizer.step(1);
  });
  const auto block = [](double tokens, double width) {
    return 2 * tokens * 12 * width * width + 4 * tokens * tokens * width;
  };
  bench::print(dtype, seconds, 3 * 64 * 12 * (block(197, 384) + block(20, 512)));
}
