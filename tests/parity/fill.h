#pragma once
// The weights of golden files: the same numbers in any language, from a parameter's name and shape.
//   value(name, i) = (u - 0.5) * 2 * scale,  u = (mix(fnv1a64(name) + (i + 1) * 0x9E3779B97F4A7C15) >> 40) / 2^24
// mix is splitmix64's finaliser, i the element's index in C order. Scale: sqrt(3 / fan_in) from two dimensions up,
// fan_in = product of shape[1:]; 0.1 in one dimension, where a name that ends in "weight" (a norm's gain) gets 1 added.
#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace torch::nn {
class Module;
}

namespace cambium::parity {

// u of the n first elements, float32 [n] in [0, 1).
at::Tensor uniform(std::string_view name, int64_t n);

// float32 tensor of `shape`.
at::Tensor fill(std::string_view name, at::IntArrayRef shape);

// Fills every floating parameter of one or more dimensions by its state-dict name, but `skip`. 0-D ones and buffers
// stay.
void fill_module(torch::nn::Module& module, const std::vector<std::string>& skip = {});

}  // namespace cambium::parity
