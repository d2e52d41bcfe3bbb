#pragma once
// A contrastive step over a batch that does not fit at once: GradCache (Gao, Zhang, Han, Callan, 2021, arXiv
// 2101.06983).
//
// The loss couples all pairs of the batch but sees only their features. So: encode each micro-batch without a graph;
// compute the loss of all features and its gradient with regard to them; encode each micro-batch again with a graph and
// push that gradient through. Memory is that of one micro-batch plus the features; the result is the full batch's, at
// the cost of a second forward.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "train/task.h"

namespace cambium::train {

// Features of micro-batch i, each [b, D...] (say image and text); draws from `generator` only, and gives the same
// features when called again with the same generator state.
using EncodeMicroBatch = std::function<std::vector<at::Tensor>(int64_t micro_batch, at::Generator& generator)>;
// The loss of the whole batch from its features, each [sum of b, D...] in micro-batch order. Parameters used here
// (scales, curvature) get their gradients directly. May gather over ranks.
using FeatureLoss = std::function<Loss(const std::vector<at::Tensor>& features)>;

// Forward and backward of the whole batch; gradients are added to .grad. Returns the scalars with "loss". With one
// micro-batch this is the plain step, without a second forward. `generator` ends where a plain pass over the
// micro-batches leaves it.
Scalars feature_cache_step(int64_t micro_batches, const EncodeMicroBatch& encode, const FeatureLoss& loss,
                           at::Generator& generator);

}  // namespace cambium::train
