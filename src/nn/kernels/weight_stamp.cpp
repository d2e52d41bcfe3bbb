#include "nn/kernels/weight_stamp.h"

#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include "core/error.h"

namespace cambium::nn::kernels {

WeightStamp stamp_of(const at::Tensor& weight) {
  if (!weight.defined()) return {};
  const uint64_t version =
      weight.is_inference() ? 0 : weight.unsafeGetTensorImpl()->version_counter().current_version();
  return {.data = weight.const_data_ptr(), .version = version};
}

int& KeepPackedOnly::depth() {
  thread_local int depth = 0;
  return depth;
}

void give_up(const at::Tensor& weight) {
  const c10::InferenceMode no_inference(false);
  // One element, seen as many.
  at::Tensor(weight).set_data(at::empty({1}, weight.options()).expand(weight.sizes()));
}

bool is_given_up(const at::Tensor& weight) {
  return weight.numel() > 1 && weight.has_storage() && weight.storage().nbytes() <= weight.element_size();
}

void require_contents(const at::Tensor& weight) {
  if (is_given_up(weight))
    throw Error({.what = "the weight was given up for its packed copy, which serves no gradient and no other dtype",
                 .mend = "load the model again, and keep its row-major weights"});
}

}  // namespace cambium::nn::kernels
