#pragma once
// Models as golden files describe them.
#include <memory>

#include "models/meru/model.h"
#include "parity/golden.h"

namespace cambium::parity {

// `description` holds visual {image, patch, width, depth, heads, mlp_ratio}, textual {arch, vocab, context}, embed_dim,
// curv_init and entail_weight. Weights are filled by name, but a fixed visual.pos_embed; 0-D parameters are `scalars`'
// (one that is not there keeps its initial value). `hyperbolic`: MERU, else its CLIP baseline.
std::shared_ptr<clip::CLIP> build_model(const Json& description, const Json& scalars, bool hyperbolic);

// The loss that `description` and the model stand for, in the safe form that trains by default: where float32 is enough
// it agrees with the released one, and its gradients have less rounding in them.
meru::LossOptions loss_of(const Json& description, bool hyperbolic);

}  // namespace cambium::parity
