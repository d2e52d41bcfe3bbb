#include "train/task.h"

#include <torch/csrc/autograd/autograd.h>

namespace cambium::train {

void backward(const at::Tensor& loss) { torch::autograd::backward({loss}, {}); }

}  // namespace cambium::train
