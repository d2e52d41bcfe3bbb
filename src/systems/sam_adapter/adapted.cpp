#include "systems/sam_adapter/adapted.h"

#include "core/error.h"
#include "data/masks/transform.h"
#include "io/image_tensor.h"
#include "io/resize.h"
#include "io/weights_file.h"
#include "models/sam_adapter/samed.h"
#include "models/sam_adapter/weights.h"
#include "nn/linear.h"
#include "nn/load.h"
#include "peft/fingerprint.h"
#include "systems/sam_adapter/adapt.h"

namespace cambium::systems::sam_adapter {
namespace {

using cambium::sam_adapter::SamAdapter;

nn::LoadOptions load_options(const Compute& compute) {
  nn::LoadOptions load{.device = compute.device};
  if (compute.param_dtype != c10::kFloat) load.weight_dtype = compute.param_dtype;
  return load;
}

// As nn::load_state will want it.
c10::ScalarType held_in(const std::string& name, const at::Tensor& t, const Compute& compute) {
  if (!at::isFloatingType(t.scalar_type())) return t.scalar_type();
  return t.dim() >= 2 && name.ends_with("weight") ? compute.param_dtype : c10::kFloat;
}

}  // namespace

std::shared_ptr<Foundation> Foundation::open(const std::filesystem::path& weights, const Compute& compute) {
  auto foundation = std::make_shared<Foundation>();
  foundation->path_ = weights;
  foundation->compute_ = compute;
  foundation->weights_ = cambium::sam::read_weights(weights);
  io::NamedTensors& tensors = foundation->weights_.state.tensors;
  foundation->identity_ = peft::Foundation::of(tensors);
  // Converted here, so that every adapted model takes the same memory over.
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.to(compute.device, held_in(name, tensor, compute)).contiguous();
  }
  return foundation;
}

std::shared_ptr<Adapted> Adapted::open(const std::shared_ptr<Foundation>& foundation, const std::filesystem::path& file,
                                       bool allow) {
  auto adapted = std::make_shared<Adapted>();
  adapted->compute_ = foundation->compute();
  adapted->name_ = file.stem().string();
  adapted->image_size_ = foundation->weights().options.encoder.image_size;
  if (std::filesystem::exists(file) && io::sniff_weights(file) == io::WeightsContainer::pth) {
    adapted->open_foreign(*foundation, file);
  } else {
    adapted->open_delta(*foundation, file, allow);
  }
  adapted->freeze();
  if (foundation->first_) nn::share_packed(*foundation->first_, *adapted->model_);
  if (!foundation->first_) foundation->first_ = adapted->model_;
  return adapted;
}

void Adapted::open_delta(const Foundation& foundation, const std::filesystem::path& file, bool allow) {
  peft::Delta delta = peft::read_delta(file);
  if (delta.system != "sam_adapter") {
    throw Error({.what = "belongs to the system " + delta.system + ", not to sam_adapter",
                 .file = file.string(),
                 .field = "system"});
  }
  const Recipe recipe = io::parse_recipe<Recipe>(delta.recipe, file.string() + ", its recipe").recipe;
  peft::check_foundation(delta, foundation.identity(), foundation.path(), allow);
  model_ = adapt(foundation.weights(), foundation.identity(), recipe, load_options(compute_)).model;
  if (recipe.model.image_size) image_size_ = recipe.model.image_size;
  method_ = recipe.peft.method;
  apply_delta(*model_, std::move(delta), recipe);
}

void Adapted::open_foreign(const Foundation& foundation, const std::filesystem::path& file) {
  io::StateDict state = io::load_weights(file);
  if (!cambium::sam_adapter::is_sam_adapter(state)) {
    method_ = "lora";
    model_ = cambium::sam_adapter::open_samed(foundation.weights(), file, load_options(compute_));
    return;
  }
  // A whole SAM-Adapter: its backbone is the foundation's, or it is no adapter of this one.
  method_ = "adapter";
  io::NamedTensors own, theirs;
  for (const auto& [name, tensor] : foundation.weights().state.tensors) {
    if (!name.starts_with("image_encoder.")) continue;
    theirs.emplace_back(name, tensor);
    if (const at::Tensor* found = state.find(name)) own.emplace_back(name, *found);
  }
  if (peft::architecture(own) != peft::architecture(theirs) || peft::fingerprint(own) != peft::fingerprint(theirs)) {
    throw Error({.what = "holds another backbone than " + foundation.path().string(),
                 .file = file.string(),
                 .field = "image_encoder",
                 .mend = "open it without other weights: it is whole by itself"});
  }
  for (const auto& [name, tensor] : theirs) state.insert(name, tensor);
  model_ = cambium::sam_adapter::open(state, load_options(compute_));
}

void Adapted::freeze() {
  for (auto& parameter : model_->parameters()) parameter.requires_grad_(false);
  model_->to(compute_.device);
  model_->set_compute_dtype(compute_.compute_dtype);
}

std::shared_ptr<Adapted> Adapted::open_whole(const io::StateDict& checkpoint, const Compute& compute) {
  auto adapted = std::make_shared<Adapted>();
  adapted->compute_ = compute;
  adapted->name_ = std::filesystem::path(checkpoint.source).stem().string();
  adapted->method_ = "adapter";
  adapted->model_ = cambium::sam_adapter::open(checkpoint, load_options(compute));
  adapted->image_size_ = adapted->model_->options().sam.encoder.image_size;
  adapted->freeze();
  return adapted;
}

at::Tensor Adapted::segment_square(const at::Tensor& image) const {
  const at::NoGradGuard guard;
  const at::Tensor x = cambium::data::normalise(image.to(compute_.device)).unsqueeze(0);  // [1, 3, S, S]
  const at::Tensor low = model_->forward(x);                                              // [1, classes, S/4, S/4]
  return cambium::sam_adapter::upscale(low, image.size(1), image.size(2)).squeeze(0);
}

at::Tensor Adapted::segment(const io::Image& image) const {
  const at::NoGradGuard guard;
  const io::Image square = io::resize(io::to_rgb(image), image_size_, image_size_, io::Filter::bilinear);
  const at::Tensor logits = segment_square(io::to_tensor(square)).unsqueeze(0);
  return cambium::sam_adapter::upscale(logits, image.height, image.width).squeeze(0).cpu();
}

}  // namespace cambium::systems::sam_adapter
