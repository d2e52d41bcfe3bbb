#include "models/sam_adapter/weights.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <map>

#include "core/error.h"
#include "core/random.h"

namespace cambium::sam_adapter {
namespace {

constexpr const char* kBasis = "pe_layer.positional_encoding_gaussian_matrix";
constexpr const char* kNoMask = "no_mask_embed.weight";
constexpr const char* kPromptEncoder = "prompt_encoder.";
constexpr const char* kGenerator = "image_encoder.prompt_generator.";
constexpr const char* kMaskTokens = "mask_decoder.mask_tokens.weight";
constexpr const char* kHypernetworks = "mask_decoder.output_hypernetworks_mlps.";

// SAM's mask for each of ours, and how many there are.
class Masks {
 public:
  Masks(int64_t sam, int64_t classes) : count_(classes) {
    for (int64_t i = 0; i < count_; ++i) sources_.push_back(i == 0 || sam < 2 ? 0 : 1 + (i - 1) % (sam - 1));
  }
  at::Tensor rows(const at::Tensor& t) const { return t.index_select(0, at::tensor(sources_, at::kLong)); }
  // Ours that come from SAM's mask `source`.
  std::vector<int64_t> copies(int64_t source) const {
    std::vector<int64_t> out;
    for (int64_t i = 0; i < count_; ++i) {
      if (sources_[static_cast<size_t>(i)] == source) out.push_back(i);
    }
    return out;
  }

 private:
  int64_t count_;
  std::vector<int64_t> sources_;
};

// The highest layer's prefix of the IoU head: mask_decoder.iou_prediction_head.layers.<last>.
std::string last_iou_layer(const io::StateDict& state) {
  const std::string stem = "mask_decoder.iou_prediction_head.layers.";
  int64_t last = 0;
  while (state.contains(stem + std::to_string(last + 1) + ".weight")) ++last;
  return stem + std::to_string(last) + ".";
}

void repeat_masks(io::StateDict& state, int64_t classes) {
  const Masks masks(state.at(kMaskTokens).size(0), classes);
  const std::string iou = last_iou_layer(state);
  io::NamedTensors out;
  for (auto& [name, tensor] : state.tensors) {
    if (name == kMaskTokens || name.starts_with(iou)) {
      out.emplace_back(name, masks.rows(tensor));
    } else if (name.starts_with(kHypernetworks)) {
      const size_t begin = std::string_view(kHypernetworks).size(), end = name.find('.', begin);
      for (const int64_t copy : masks.copies(std::stoll(name.substr(begin, end - begin)))) {
        // Each is trained by itself.
        out.emplace_back(kHypernetworks + std::to_string(copy) + name.substr(end), tensor.clone());
      }
    } else {
      out.emplace_back(name, std::move(tensor));
    }
  }
  state.tensors = std::move(out);
}

}  // namespace

io::StateDict adapter_state(const io::StateDict& sam, int64_t classes) {
  io::StateDict state{.source = sam.source};
  for (const auto& [name, tensor] : sam.tensors) {
    if (!name.starts_with(kPromptEncoder)) {
      state.tensors.emplace_back(name, tensor);
    } else if (const std::string own = name.substr(std::string_view(kPromptEncoder).size());
               own == kBasis || own == kNoMask) {
      state.tensors.emplace_back(own, tensor);
    }
  }
  if (classes > 1 && state.at(kMaskTokens).size(0) != classes) repeat_masks(state, classes);
  return state;
}

std::shared_ptr<SamAdapter> from_sam(const sam::Weights& weights, const SamAdapterOptions& options, FromSam how,
                                     at::Generator& generator) {
  auto model = std::make_shared<SamAdapter>(options);
  io::StateDict state = adapter_state(weights.state, options.classes);
  how.load.may_miss.push_back(std::string(kGenerator) + "*");
  if (!how.keep_prompt_encoder) {
    std::erase_if(state.tensors, [](const auto& item) { return item.first == kBasis || item.first == kNoMask; });
    how.load.may_miss.insert(how.load.may_miss.end(), {kBasis, kNoMask});
  }
  nn::load_state(*model, state, how.load);
  if (model->prompt_generator()) model->prompt_generator()->initialize(generator);
  if (!how.keep_prompt_encoder) {
    model->pe_layer()->initialize(generator);
    model->no_mask_embed()->initialize(generator);
  }
  return model;
}

bool is_sam_adapter(const io::StateDict& state) {
  return state.contains(kBasis) && state.contains("image_encoder.patch_embed.proj.weight");
}

SamAdapterOptions options_of(const io::StateDict& state) {
  if (!is_sam_adapter(state)) {
    throw Error({.what = "is no whole SAM-Adapter: it lacks the image encoder or its own position basis",
                 .file = state.source,
                 .field = kBasis,
                 .mend = "give a checkpoint of the original, or a foundation and a delta"});
  }
  // As SAM would hold it.
  io::StateDict sam{.source = state.source};
  for (const auto& [name, tensor] : state.tensors) {
    if (name.starts_with(kGenerator)) continue;
    sam.tensors.emplace_back(name == kBasis || name == kNoMask ? kPromptEncoder + name : name, tensor);
  }
  // The adapter takes no masks as prompts: this layer only tells their hidden width.
  sam.insert("prompt_encoder.mask_downscaling.3.weight",
             at::empty({sam::PromptEncoderOptions{}.mask_channels, 4, 2, 2}));
  SamAdapterOptions options{.sam = sam::options_of(sam)};
  const std::string stem = kGenerator;
  const bool shared = state.contains(stem + "shared_mlp.weight"),
             one = state.contains(stem + "fully_shared_mlp.0.weight"),
             each = state.contains(stem + "fully_unshared_mlp_0.0.weight");
  if (!shared && !one && !each) return options;  // no generator: another method
  using Adaptor = PromptGeneratorOptions::Adaptor;
  PromptGeneratorOptions prompts = SamAdapterOptions::fit({}, options.sam.encoder);
  prompts.adaptor = one ? Adaptor::fully_shared : each ? Adaptor::fully_unshared : Adaptor::lightweight;
  const at::Tensor& inner = state.at(stem + (one    ? "fully_shared_mlp.0.weight"
                                             : each ? "fully_unshared_mlp_0.0.weight"
                                                    : "lightweight_mlp_0.0.weight"));
  prompts.scale_factor = prompts.width / std::max<int64_t>(1, inner.size(0));
  prompts.embedding_tune = state.contains(stem + "embedding_generator.weight");
  prompts.handcrafted_tune = state.contains(stem + "prompt_generator.proj.weight");
  prompts.embedding_layout = PromptGeneratorOptions::EmbeddingLayout::official;
  options.prompts = prompts;
  return options;
}

std::shared_ptr<SamAdapter> open(const io::StateDict& state, const nn::LoadOptions& load) {
  auto model = std::make_shared<SamAdapter>(options_of(state));
  nn::load_state(*model, state, load);
  return model;
}

}  // namespace cambium::sam_adapter
