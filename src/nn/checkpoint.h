#pragma once
// Activation checkpointing: keep a segment's inputs, drop what it computed, compute it again in the backward pass.
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace cambium::nn {

using Segment = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

// segment(inputs), with the segment's activations recomputed for the backward pass. `parameters` are the tensors that
// the segment reads besides its inputs and that may require grad: they get gradients although no input may require one.
// The segment must be deterministic, and must not change its inputs. Without gradients being recorded it is just
// called.
std::vector<at::Tensor> checkpoint(const Segment& segment, const std::vector<at::Tensor>& inputs,
                                   const std::vector<at::Tensor>& parameters);

// The same for one tensor in, one tensor out.
at::Tensor checkpoint(const std::function<at::Tensor(const at::Tensor&)>& segment, const at::Tensor& input,
                      const std::vector<at::Tensor>& parameters);

}  // namespace cambium::nn
