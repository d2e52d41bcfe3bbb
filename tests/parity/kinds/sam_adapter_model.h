#pragma once
// What the checks of SAM-Adapter share: the model and the input that a golden file's config describes.
#include "models/sam_adapter/model.h"
#include "parity/golden.h"

namespace cambium::parity {

// The model of config.{img, patch, dim, depth, heads, window, glob}, its weights filled, with what the original trains
// requiring gradients. `prompts` without sizes.
std::shared_ptr<sam_adapter::SamAdapter> build_sam_adapter(
    const Json& config, sam_adapter::PromptGeneratorOptions prompts = {
                            .embedding_layout = sam_adapter::PromptGeneratorOptions::EmbeddingLayout::official});

// x = rnd(tag + ".x", (b, 3, img, img), 2) + 0.7 gt; gt_i [b, 1, img, img]: the disc of radius img (0.15 + 0.05 i)
// around (img (0.3 + 0.1 i), img (0.6 - 0.1 i)).
struct SamAdapterInput {
  at::Tensor x, gt;
};
SamAdapterInput sam_adapter_input(const std::string& tag, int64_t batch, int64_t img);

// Every n-th entry of a dimension.
at::Tensor every(const at::Tensor& t, int64_t dim, int64_t step);

// The trained parameters' gradients as a golden file has them: L2 norms, null where there is none.
Json gradient_norms(const sam_adapter::SamAdapter& model);

}  // namespace cambium::parity
