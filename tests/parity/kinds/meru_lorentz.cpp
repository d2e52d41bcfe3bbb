// meru_lorentz_ops: every operation of models/meru/lorentz.h in its parity form, in float32 and float64, with the
// gradients of sum(output) by each input and by the curvature.
//
// Items are c<curvature>.<op>.<out|grad_x|grad_y|grad_curv>.<f32|f64>. <op> may begin with "real." (inputs rx, ry) and
// end in "_near" (second input y_near) or, for half_aperture, in "_r<min_radius>".
#include <ATen/ATen.h>

#include <set>

#include "core/error.h"
#include "models/meru/lorentz.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

constexpr meru::LorentzOptions kParity{.numerics = meru::Numerics::parity};

struct Run {
  std::string group;  // "c0.1"
  std::string op;     // "real.oxy_angle"
  std::string dtype;  // "f32"
  auto operator<=>(const Run&) const = default;
};

bool strip_suffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

// The runs that a file's outputs ask for. A group is whatever precedes an input's last part.
std::set<Run> runs_of(const Golden& golden) {
  std::set<std::string> groups;
  for (const auto& [name, tensor] : golden.tensors.tensors) {
    if (golden.is_input(name)) groups.insert(name.substr(0, name.rfind('.')));
  }
  std::set<Run> runs;
  for (const auto& [name, tensor] : golden.tensors.tensors) {
    if (golden.is_input(name)) continue;
    std::string rest = name;
    const size_t type = rest.rfind('.');
    const std::string dtype = rest.substr(type + 1);
    rest.resize(type);
    rest.resize(rest.rfind('.'));  // drops out, grad_x, ...
    for (const auto& group : groups) {
      if (rest.starts_with(group + ".")) runs.insert({group, rest.substr(group.size() + 1), dtype});
    }
  }
  return runs;
}

at::Tensor apply(const std::string& op, const at::Tensor& x, const at::Tensor& y, const at::Tensor& c) {
  if (op == "exp_map0") return meru::exp_map0(x, c, kParity);
  if (op == "log_map0") return meru::log_map0(x, c, kParity);
  if (op == "half_aperture") return meru::half_aperture(x, c, 0.1, kParity);
  if (op.starts_with("half_aperture_r")) return meru::half_aperture(x, c, std::stod(op.substr(15)), kParity);
  if (op == "pairwise_inner") return meru::pairwise_inner(x, y, c, kParity);
  if (op == "pairwise_dist") return meru::pairwise_dist(x, y, c, kParity);
  if (op == "oxy_angle") return meru::oxy_angle(x, y, c, kParity);
  if (op == "pairwise_oxy_angle") return meru::pairwise_oxy_angle(x, y, c, kParity);
  throw Error({.what = "unknown Lorentz operation " + op});
}

void add(const Golden& golden, const Run& run, Results& results) {
  std::string op = run.op;
  const bool real = op.starts_with("real.");
  if (real) op = op.substr(5);
  const bool near = strip_suffix(op, "_near");
  const auto type = run.dtype == "f64" ? at::kDouble : at::kFloat;
  const auto input = [&](const std::string& name) {
    const at::Tensor* found = golden.tensors.find(run.group + "." + name);
    return found ? found->to(type).clone().requires_grad_() : at::Tensor();
  };
  const at::Tensor x = input(real ? "rx" : op == "exp_map0" ? "tangent" : "x");
  const at::Tensor y = input(real ? "ry" : near ? "y_near" : "y");
  // float64 runs use the float32 curvature.
  const auto curvature = static_cast<float>(std::stod(run.group.substr(1)));
  const at::Tensor c = at::scalar_tensor(curvature, at::kFloat).to(type).requires_grad_();

  const at::Tensor out = apply(op, x, y, c);
  out.sum().backward();
  const auto put = [&](const std::string& part, const at::Tensor& value) {
    results.tensors[run.group + "." + run.op + "." + part + "." + run.dtype] = value;
  };
  put("out", out.detach());
  put("grad_x", x.grad());
  if (y.defined()) put("grad_y", y.grad());
  put("grad_curv", c.grad());
}

}  // namespace

Results check_meru_lorentz_ops(const Golden& golden) {
  Results results;
  for (const auto& run : runs_of(golden)) add(golden, run, results);
  return results;
}

}  // namespace cambium::parity
