// sam_adapter_train_trace: a short training run by the original's optimizer and schedule: losses and rates step by
// step, the parameters' norms and a prediction at the end.
#include <ATen/ATen.h>

#include "models/sam_adapter/loss.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_adapter_model.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace cambium::parity {

Results check_sam_adapter_train_trace(const Golden& golden) {
  const Json& config = golden.config.at("config");
  auto model = build_sam_adapter(config);
  const auto loss = sam_adapter::parse_mask_loss(config.at("loss").get<std::string>());
  const auto lr = config.at("lr").get<double>();
  const auto epochs = config.at("epochs").get<int64_t>(), per_epoch = config.at("iters_per_epoch").get<int64_t>();
  const auto batch = config.at("batch").get<int64_t>(), img = config.at("img").get<int64_t>();
  const auto tag = config.at("tag").get<std::string>();

  train::ParameterGroup group{.name = "all", .weight_decay = 0.01};
  for (const auto& item : model->named_parameters()) {
    if (item.value().requires_grad()) group.parameters.emplace_back(item.key(), item.value());
  }
  train::AdamW adamw({group}, {.lr = lr, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8});
  const train::ScheduleOptions schedule{.decay = train::Decay::cosine,
                                        .total = epochs * per_epoch,
                                        .final = config.at("lr_min").get<double>() / lr,
                                        .period = per_epoch};
  std::vector<double> losses, rates;
  SamAdapterInput input;
  for (int64_t step = 0; step < epochs * per_epoch; ++step) {
    input = sam_adapter_input(tag + "." + std::to_string(step % per_epoch), batch, img);
    adamw.zero_grad();
    const at::Tensor value = sam_adapter::mask_loss(loss, sam_adapter::upscale(model->forward(input.x), img, img),
                                                    input.gt, sam_adapter::Balance::of(input.gt).positive_share(0));
    value.backward();
    const double factor = train::multiplier(schedule, step);
    losses.push_back(value.item<double>());
    rates.push_back(lr * factor);
    adamw.step(factor);
  }
  Json out = {{"losses", losses}, {"lrs", rates}, {"final_lr", lr * train::multiplier(schedule, epochs * per_epoch)}};
  double frozen = 0;
  for (const auto& item : model->named_parameters()) {
    const at::Tensor value = item.value().detach().to(at::kDouble);
    if (item.value().requires_grad()) {
      out["norms"][item.key()] = value.norm().item<double>();
    } else {
      frozen += value.sum().item<double>();
    }
  }
  out["frozen_sum"] = frozen;
  const at::NoGradGuard guard;
  const at::Tensor pred = summary(sam_adapter::upscale(model->forward(input.x), img, img));
  out["final_pred"] = std::vector<double>(pred.data_ptr<double>(), pred.data_ptr<double>() + pred.numel());
  Results results;
  results.json["f32"] = out;
  return results;
}

}  // namespace cambium::parity
