// sam_adapter_fft: the high-pass filter alone. sam_adapter_keys: names and counts of the three sizes, against SAM's.
// samed_lora_encoder: an encoder with SAMed's LoRA.
#include <ATen/ATen.h>

#include <cstdio>
#include <set>

#include "models/sam/sam.h"
#include "models/sam_adapter/high_pass.h"
#include "models/sam_adapter/samed.h"
#include "nn/load.h"
#include "parity/conventions.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_adapter_model.h"
#include "parity/kinds/sam_model.h"
#include "peft/select.h"

namespace cambium::parity {

Results check_sam_adapter_fft(const Golden& golden) {
  const Json& config = golden.config;
  Results results;
  for (const Json& shape : config.at("shapes")) {
    const auto [batch, height, width] = shape.get<std::array<int64_t, 3>>();
    const std::string size = std::to_string(height) + "x" + std::to_string(width);
    const at::Tensor x = rnd(config.at("tag").get<std::string>() + "." + size, {batch, 3, height, width}, 2);
    for (const Json& rate : config.at("rates")) {
      results.tensors[size + ".rate" + rate.dump()] = sam_adapter::fft_highpass(x, rate.get<double>());
      results.json["line"][size + "." + rate.dump()] = sam_adapter::high_pass_line(height, width, rate.get<double>());
    }
  }
  return results;
}

Results check_sam_adapter_keys(const Golden& golden) {
  Results results;
  for (const auto& [size, unused] : golden.config.items()) {
    if (!size.starts_with("vit_")) continue;
    const sam::SamOptions options = sam::SamOptions::named(size);
    const sam::Sam foundation(options);
    sam_adapter::SamAdapter model(
        {.sam = options, .prompts = sam_adapter::SamAdapterOptions::fit({}, options.encoder)});
    peft::train_only(model, {"image_encoder.prompt_generator.*", "mask_decoder.*", "no_mask_embed.weight"});
    const auto count = [](const torch::nn::Module& module, bool trained) {
      int64_t n = 0;
      for (const auto& p : module.parameters()) n += !trained || p.requires_grad() ? p.numel() : 0;
      return n;
    };
    const auto own = nn::state_tensors(model), theirs = nn::state_tensors(foundation);
    std::map<std::string, at::IntArrayRef> shapes;
    for (const auto& [name, tensor] : theirs) shapes.emplace(name, tensor.sizes());
    Json missing = Json::array(), unexpected = Json::array(), mismatched = Json::array();
    std::set<std::string> names;
    for (const auto& [name, tensor] : own) {
      names.insert(name);
      const auto found = shapes.find(name);
      if (found == shapes.end()) {
        missing.push_back(name);
      } else if (found->second != tensor.sizes()) {
        mismatched.push_back(name);
      }
      if (size == "vit_b") results.json["keys_vit_b"].push_back({name, tensor.sizes().vec()});
    }
    for (const auto& [name, tensor] : theirs) {
      if (!names.contains(name)) unexpected.push_back(name);
    }
    results.json[size] = {{"total", count(model, false)},
                          {"trainable", count(model, true)},
                          {"prompt_generator", count(*model.prompt_generator(), false)},
                          {"mask_decoder", count(*model.mask_decoder(), false)},
                          {"sam_total", count(foundation, false)},
                          {"n_keys", own.size()},
                          {"sam_n_keys", theirs.size()},
                          {"missing_n", missing.size()},
                          {"missing", size == "vit_b" ? missing : Json(nullptr)},
                          {"unexpected", unexpected},
                          {"mismatched", mismatched}};
  }
  return results;
}

Results check_samed_lora_encoder(const Golden& golden) {
  const Json& config = golden.config;
  const sam::SamOptions options = sam_options(config);
  const int64_t img = options.encoder.image_size, width = options.encoder.width;
  sam::Sam model(options);
  fill_sam(model);
  constexpr int64_t kRank = 4;  // as config.lora says
  io::StateDict lora{.source = golden.path.string()};
  for (int64_t i = 0; i < 2 * options.encoder.depth; ++i) {
    for (const char which : {'a', 'b'}) {
      char name[32];
      std::snprintf(name, sizeof name, "w_%c_%03lld", which, static_cast<long long>(i));
      lora.tensors.emplace_back(name, which == 'a' ? fill(name, {kRank, width}) : fill(name, {width, kRank}));
    }
  }
  sam_adapter::add_samed(*model.vit(), lora);
  const at::NoGradGuard guard;
  Results results;
  results.tensors["features"] = every(model.vit()->forward(rnd("lora.input", {1, 3, img, img}, 2)), 1, 4);
  return results;
}

}  // namespace cambium::parity
