// One training step of SAM-Adapter on ViT-B at 1024 x 1024, one picture: forward, backward, AdamW.
// usage: bench_adapter_step_b_1024 WEIGHTS f32|bf16
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include "core/random.h"
#include "measure.h"
#include "models/sam/weights.h"
#include "models/sam_adapter/loss.h"
#include "nn/load.h"
#include "systems/sam_adapter/adapt.h"
#include "train/optimizer.h"
#include "train/task.h"

namespace {

using namespace cambium;

// As a run prepares it (systems/sam_adapter/training.cpp).
systems::sam_adapter::AdaptedModel prepare(const char* file, c10::ScalarType dtype) {
  const sam::Weights weights = sam::read_weights(file);
  auto adapted = systems::sam_adapter::adapt(weights, peft::Foundation::of(weights.state.tensors), {});
  systems::sam_adapter::own_trained(*adapted.model);
  adapted.model->set_compute_dtype(dtype);
  adapted.model->set_checkpointing(true);
  nn::cast_frozen(*adapted.model, dtype);
  return adapted;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string dtype = argc > 2 ? argv[2] : "bf16";
  keep_freed_memory();
  const auto adapted = prepare(argv[1], dtype == "bf16" ? at::kBFloat16 : at::kFloat);
  auto& model = *adapted.model;
  train::ParameterGroup group{.name = "all", .weight_decay = 0.01};
  for (const auto& item : model.named_parameters()) {
    if (item.value().requires_grad()) group.parameters.emplace_back(item.key(), item.value());
  }
  train::AdamW optimizer({group}, {.lr = 2e-4, .beta1 = 0.9, .beta2 = 0.999});
  at::Generator generator = make_generator(1);
  const at::Tensor image = at::randn({1, 3, 1024, 1024}, generator),
                   mask = at::rand({1, 1, 1024, 1024}, generator).gt(0.5).to(at::kFloat);
  const double seconds = bench::best_of(3, [&] {
    optimizer.zero_grad();
    const at::Tensor logits = sam_adapter::upscale(model.forward(image), 1024, 1024);
    train::backward(sam_adapter::mask_loss(sam_adapter::MaskLoss::iou, logits, mask));
    optimizer.step(1);
  });
  // Products of the blocks (4 of 12 attend to all 4096 tokens, 8 within 25 windows of 196), forward and to the input.
  const double tokens = 4096, width = 768;
  const double blocks =
      12 * 2 * tokens * 12 * width * width + 4 * 4 * tokens * tokens * width + 8 * 4 * 25 * 196 * 196 * width;
  bench::print(dtype, seconds, 2 * blocks);
}
