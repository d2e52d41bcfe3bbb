// meru_train_trace: a short training run of MERU and of its CLIP baseline, step by step: what is logged, the gradient
// norm, and the parameters at the end. Logged numbers precede the step's update.
#include <ATen/ATen.h>

#include "models/clip/text_transformer.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/meru_model.h"
#include "systems/meru/task.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace cambium::parity {
namespace {

struct Pool {
  at::Tensor pixels;  // [N, 3, S, S] in [0, 1]
  std::vector<std::vector<int32_t>> tokens;
};

Pool read_pool(const Json& config) {
  Pool pool;
  pool.tokens = config.at("tokens").get<std::vector<std::vector<int32_t>>>();
  const auto side = config.at("image_size").get<int64_t>();
  std::vector<at::Tensor> images;
  for (const auto& image : config.at("images_u8_CHW")) {
    images.push_back(at::tensor(image.get<std::vector<float>>()).reshape({3, side, side}) / 255);
  }
  pool.pixels = at::stack(images);
  return pool;
}

// The released code takes a gain_bias_decay of 0 for "not given" and decays gains and biases like weights.
double gain_bias_decay(const Json& optimizer) {
  const auto passed = optimizer.at("gain_bias_decay_passed").get<double>();
  return passed != 0 ? passed : optimizer.at("weight_decay").get<double>();
}

Json finals(const clip::CLIP& model) {
  Json out;
  for (const auto& parameter : model.named_parameters()) {
    const at::Tensor value = parameter.value().detach().to(at::kDouble).flatten();
    const at::Tensor first = value.slice(0, 0, 3).contiguous();
    out[parameter.key()] = {
        {"norm", value.norm().item<double>()},
        {"sum", value.sum().item<double>()},
        {"first", std::vector<double>(first.data_ptr<double>(), first.data_ptr<double>() + first.numel())}};
  }
  return out;
}

Json run(const Json& config, const Json& golden_run, const Pool& pool, bool hyperbolic) {
  const Json& optimizer = config.at("optimizer");
  const Json& scheduler = config.at("scheduler");
  auto model = build_model(config.at("model"), golden_run.at("scalars_start"), hyperbolic);
  const meru::LossOptions options = loss_of(config.at("model"), hyperbolic);
  const auto betas = optimizer.at("betas").get<std::array<double, 2>>();
  train::AdamW adamw(
      systems::meru::parameter_groups(*model, optimizer.at("weight_decay").get<double>(), gain_bias_decay(optimizer)),
      {.lr = optimizer.at("lr").get<double>(),
       .beta1 = betas[0],
       .beta2 = betas[1],
       .eps = optimizer.at("eps").get<double>()});
  const train::ScheduleOptions schedule{.decay = train::Decay::cosine_squared,
                                        .warmup = scheduler.at("warmup").get<int64_t>(),
                                        .total = scheduler.at("total").get<int64_t>()};

  Json out;
  for (const auto& group : adamw.groups()) {
    Json names = Json::array();
    for (const auto& [name, parameter] : group.parameters) names.push_back(name);
    out["param_groups"].push_back({{"weight_decay", group.weight_decay}, {"names", names}});
  }
  const auto batch = config.at("batch").get<int64_t>();
  for (int64_t step = 0; step < config.at("steps").get<int64_t>(); ++step) {
    std::vector<int64_t> rows;
    std::vector<std::vector<int32_t>> tokens;
    for (int64_t i = 0; i < batch; ++i) {
      rows.push_back((step * batch + i) % pool.pixels.size(0));
      tokens.push_back(pool.tokens.at(rows.back()));
    }
    adamw.zero_grad();
    const meru::LossScalars scalars = meru::loss_scalars(*model);
    meru::clamp_scalars(scalars, options);
    const at::Tensor ids = clip::pad_tokens(tokens, model->options().textual.context);
    const at::Tensor pixels = pool.pixels.index_select(0, at::tensor(rows, at::kLong));
    const meru::LossOutput loss = meru::contrastive_loss(
        {.image = model->image_features(pixels), .text = model->text_features(ids)}, scalars, options);
    loss.loss.backward();

    const double factor = train::multiplier(schedule, step);
    Json row = {{"step", step + 1},
                {"lr", adamw.options().lr * factor},
                {"loss", loss.loss.item<double>()},
                {"grad_norm", train::gradient_norm(adamw.parameters()).item<double>()}};
    for (const auto& [name, value] : loss.logged) row[name] = value.item<double>();
    out["steps"].push_back(row);
    adamw.step(factor);
  }
  out["final"] = finals(*model);
  return out;
}

}  // namespace

Results check_meru_train_trace(const Golden& golden) {
  const Pool pool = read_pool(golden.config);
  Results results;
  for (const auto& [name, golden_run] : golden.config.at("runs").items()) {
    results.json["runs"][name] = run(golden.config, golden_run, pool, golden_run.at("scalars_start").contains("curv"));
  }
  return results;
}

}  // namespace cambium::parity
