#include "nn/checkpoint.h"

#include <ATen/core/ivalue.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace cambium::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct HeldSegment : torch::CustomClassHolder {
  explicit HeldSegment(Segment f) : run(std::move(f)) {}
  Segment run;
};

// `tensors` are the inputs, then the parameters; the parameters are there only to receive gradients.
struct Checkpoint : torch::autograd::Function<Checkpoint> {
  static variable_list forward(AutogradContext* ctx, const Segment& segment, int64_t input_count,
                               at::TensorList tensors) {
    ctx->saved_data["segment"] = c10::IValue::make_capsule(c10::make_intrusive<HeldSegment>(segment));
    ctx->saved_data["inputs"] = input_count;
    ctx->save_for_backward(tensors.vec());
    return segment(tensors.slice(0, input_count).vec());  // runs without gradients
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto held = c10::static_intrusive_pointer_cast<HeldSegment>(ctx->saved_data["segment"].toCapsule());
    const auto input_count = static_cast<size_t>(ctx->saved_data["inputs"].toInt());
    const variable_list saved = ctx->get_saved_variables();

    const at::AutoGradMode record(true);
    variable_list inputs, wanted;
    for (size_t i = 0; i < saved.size(); ++i) {
      at::Tensor t = saved[i];
      if (i < input_count) {
        // Cut from the outer graph; the parameters are leaves, which the segment reads by itself.
        t = saved[i].detach().set_requires_grad(saved[i].requires_grad());
        inputs.push_back(t);
      }
      if (t.requires_grad()) wanted.push_back(t);
    }
    const variable_list outputs = held->run(inputs);
    variable_list roots, root_grads;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].requires_grad()) continue;
      roots.push_back(outputs[i]);
      root_grads.push_back(grads[i]);
    }
    const variable_list found = torch::autograd::grad(roots, wanted, root_grads, /*retain_graph=*/false,
                                                      /*create_graph=*/false, /*allow_unused=*/true);
    variable_list out(2);  // the segment and the count
    size_t next = 0;
    for (const at::Tensor& t : saved) out.push_back(t.requires_grad() ? found[next++] : at::Tensor());
    return out;
  }
};

}  // namespace

std::vector<at::Tensor> checkpoint(const Segment& segment, const std::vector<at::Tensor>& inputs,
                                   const std::vector<at::Tensor>& parameters) {
  variable_list tensors = inputs;
  bool needed = false;
  for (const at::Tensor& t : inputs) needed = needed || t.requires_grad();
  for (const at::Tensor& t : parameters) {
    if (!t.requires_grad()) continue;
    tensors.push_back(t);
    needed = true;
  }
  if (!needed || !c10::GradMode::is_enabled()) return segment(inputs);
  return Checkpoint::apply(segment, static_cast<int64_t>(inputs.size()), at::TensorList(tensors));
}

at::Tensor checkpoint(const std::function<at::Tensor(const at::Tensor&)>& segment, const at::Tensor& input,
                      const std::vector<at::Tensor>& parameters) {
  const Segment wrapped = [segment](const std::vector<at::Tensor>& inputs) {
    return std::vector<at::Tensor>{segment(inputs[0])};
  };
  return checkpoint(wrapped, std::vector<at::Tensor>{input}, parameters)[0];
}

}  // namespace cambium::nn
