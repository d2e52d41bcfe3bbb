#include "models/sam_adapter/samed.h"

#include <ATen/ops/cat.h>

#include <cstdio>
#include <map>

#include "core/error.h"
#include "core/random.h"
#include "io/weights_file.h"
#include "models/sam_adapter/weights.h"
#include "peft/lora.h"

namespace cambium::sam_adapter {
namespace {

std::string key(char which, int64_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "w_%c_%03lld", which, static_cast<long long>(number));
  return text;
}

}  // namespace

bool is_samed(const io::StateDict& state) { return state.contains(key('a', 0)) && state.contains(key('b', 0)); }

void add_samed(sam::ImageEncoder& encoder, const io::StateDict& state) {
  const int64_t width = encoder.options().width, depth = encoder.options().depth, rank = state.at(key('a', 0)).size(0);
  const auto shaped = [&](char which, int64_t number) {
    const at::Tensor& t = state.at(key(which, number));
    const std::vector<int64_t> expected = which == 'a' ? std::vector{rank, width} : std::vector{width, rank};
    if (t.sizes() != at::IntArrayRef(expected)) {
      throw Error(
          {.what = "is " + c10::str(t.sizes()) + " where the foundation needs " + c10::str(at::IntArrayRef(expected)),
           .file = state.source,
           .field = key(which, number),
           .mend = "give the foundation that it was trained on"});
    }
    return t.to(at::kFloat);
  };
  if (state.contains(key('a', 2 * depth))) {
    throw Error({.what = "adapts more blocks than the foundation's " + std::to_string(depth),
                 .file = state.source,
                 .field = key('a', 2 * depth),
                 .mend = "give the foundation that it was trained on"});
  }
  at::Generator unused = make_generator(0);
  peft::add_lora(encoder,
                 {.rank = rank, .alpha = static_cast<double>(rank), .targets = {"blocks.*.attn.qkv"}, .qkv = "qv"},
                 unused);
  const at::NoGradGuard guard;
  for (int64_t i = 0; i < depth; ++i) {
    auto parameters = encoder.blocks()[static_cast<size_t>(i)]->attention()->qkv()->named_parameters();
    for (const char which : {'a', 'b'}) {
      parameters[std::string("lora_") + which].copy_(at::cat({shaped(which, 2 * i), shaped(which, 2 * i + 1)}));
    }
  }
}

std::shared_ptr<SamAdapter> open_samed(const sam::Weights& foundation, const std::filesystem::path& file,
                                       const nn::LoadOptions& load) {
  const io::StateDict state = io::load_weights(file);
  if (!is_samed(state)) {
    throw Error({.what = "is no delta: neither Cambium's nor SAMed's",
                 .file = file.string(),
                 .field = key('a', 0),
                 .mend = "give the delta.safetensors of a run folder, or a SAMed checkpoint"});
  }
  // The foundation with SAMed's prompt encoder and decoder in the place of its own.
  sam::Weights whole = foundation;
  for (const auto& [name, tensor] : state.tensors) {
    if (name.starts_with("prompt_encoder.") || name.starts_with("mask_decoder.")) whole.state.insert(name, tensor);
  }
  const int64_t masks = whole.state.at("mask_decoder.mask_tokens.weight").size(0);
  // SAMed numbers one network a mask token; a foundation's spare ones have no token.
  std::erase_if(whole.state.tensors, [&](const auto& item) {
    constexpr std::string_view stem = "mask_decoder.output_hypernetworks_mlps.";
    return item.first.starts_with(stem) && std::stoll(item.first.substr(stem.size())) >= masks;
  });
  whole.options.decoder.masks = masks;
  at::Generator unused = make_generator(0);
  auto model = from_sam(whole, {.sam = whole.options, .classes = masks}, {.load = load}, unused);
  add_samed(*model->image_encoder(), state);
  return model;
}

}  // namespace cambium::sam_adapter
