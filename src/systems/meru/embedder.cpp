#include "systems/meru/embedder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"
#include "io/image_tensor.h"
#include "io/resize.h"
#include "models/meru/lorentz.h"
#include "models/meru/model.h"
#include "models/meru/traversal.h"
#include "systems/meru/adapt.h"

namespace cambium::systems::meru {
namespace lorentz = cambium::meru;
namespace {

constexpr int64_t kPictureBatch = 64, kTextBatch = 256;

}  // namespace

Embedder::Embedder(std::shared_ptr<cambium::clip::CLIP> model, cambium::meru::LossOptions geometry, at::Tensor root,
                   Compute compute)
    : model_(std::move(model)),
      geometry_(std::move(geometry)),
      root_(std::move(root)),
      compute_(compute),
      tokenizer_(std::make_shared<cambium::clip::Tokenizer>()) {
  model_->set_compute_dtype(compute_.compute_dtype);
  model_->to(compute_.device);
  model_->eval();
}

Embedder Embedder::open(const ModelFiles& files, const Compute& compute) {
  if (files.weights.empty() || !std::filesystem::exists(files.weights)) {
    throw Error({.what = "there are no such weights",
                 .file = files.weights,
                 .mend = "docs/weights.md lists every file that can be loaded and where it is published"});
  }
  auto checkpoint = files.delta.empty() ? lorentz::open_checkpoint(files.weights)
                                        : open_adapted(files.weights, files.delta, files.allow_foundation);
  const auto geometry = lorentz::loss_options(*checkpoint.model);
  return Embedder(std::move(checkpoint.model), geometry, std::move(checkpoint.root), compute);
}

at::Tensor Embedder::embed_pixels(const at::Tensor& pixels) const {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : pixels.split(kPictureBatch))
    parts.push_back(model_->encode_image(part.to(compute_.device)).cpu());
  return at::cat(parts);
}

at::Tensor Embedder::tower_features(const at::Tensor& pixels) const {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : pixels.split(kPictureBatch)) {
    parts.push_back(model_->visual_features(part.to(compute_.device)).to(at::kFloat).cpu());
  }
  return at::cat(parts);
}

void Embedder::need_vocabulary() const {
  const int64_t vocabulary = model_->options().textual.vocabulary;
  if (vocabulary >= cambium::clip::Tokenizer::kVocabularySize) return;
  throw Error({.what = "this model knows " + std::to_string(vocabulary) + " tokens, CLIP's tokenizer makes " +
                       std::to_string(cambium::clip::Tokenizer::kVocabularySize),
               .mend = "only its image tower can be used here"});
}

at::Tensor Embedder::embed_texts(const std::vector<std::string>& texts) const {
  const at::NoGradGuard guard;
  if (texts.empty()) return at::zeros({0, dim()});
  need_vocabulary();
  const auto tokens = tokenizer_->encode(texts);
  const std::span<const std::vector<int32_t>> all(tokens);
  std::vector<at::Tensor> parts;
  for (size_t at = 0; at < all.size(); at += kTextBatch) {
    parts.push_back(model_->encode_text(all.subspan(at, std::min<size_t>(kTextBatch, all.size() - at))).cpu());
  }
  return at::cat(parts);
}

at::Tensor Embedder::embed_classes(const std::vector<std::string>& names,
                                   const std::vector<std::string>& prompts) const {
  const at::NoGradGuard guard;
  need_vocabulary();
  std::vector<at::Tensor> classes;
  for (const std::string& name : names) {
    std::vector<std::vector<int32_t>> tokens;
    for (std::string prompt : prompts) {
      const size_t slot = prompt.find("{}");
      if (slot == std::string::npos)
        throw UsageError(
            {.what = "\"" + prompt + "\" has no {}", .field = "prompts", .mend = "write as \"a photo of a {}.\""});
      tokens.push_back(tokenizer_->encode(prompt.replace(slot, 2, name)));
    }
    classes.push_back(cambium::meru::ensemble_prompts(*model_, tokens).cpu());
  }
  return at::stack(classes);
}

at::Tensor Embedder::preprocess(const io::Image& image, Preprocess how) const {
  const io::Image rgb = io::to_rgb(image);
  return io::to_tensor(how == Preprocess::squash ? io::resize(rgb, image_size(), image_size())
                                                 : io::resize_and_center_crop(rgb, image_size()));
}

at::Tensor Embedder::curv() const { return cambium::meru::curvature(*model_).detach().to(at::kFloat).cpu(); }
double Embedder::curvature() const { return hyperbolic() ? curv().item<double>() : 0; }

at::Tensor Embedder::scores(const at::Tensor& a, const at::Tensor& b) const {
  return hyperbolic() ? lorentz::pairwise_inner(a, b, curv(), geometry_.lorentz) : a.matmul(b.t());
}

at::Tensor Embedder::distances(const at::Tensor& a, const at::Tensor& b) const {
  return hyperbolic() ? lorentz::pairwise_dist(a, b, curv(), geometry_.lorentz) : 1 - a.matmul(b.t());
}

at::Tensor Embedder::distance_from_root(const at::Tensor& x) const {
  if (hyperbolic()) return lorentz::distance_from_root(x, curv());
  if (!root_.defined()) {
    throw Error({.what = "this CLIP has no root",
                 .mend = "use a model trained by cambium train, or one of MERU's clip_vit_*.pth, whose file holds it"});
  }
  return 1 - x.matmul(root_);
}

void Embedder::need_hyperbolic() const {
  if (!hyperbolic())
    throw Error({.what = "this model is a CLIP: its space is not hyperbolic", .mend = "use a MERU checkpoint"});
}

at::Tensor Embedder::to_hyperboloid(const at::Tensor& x) const {
  need_hyperbolic();
  return lorentz::to_hyperboloid(x, curv());
}

at::Tensor Embedder::to_poincare(const at::Tensor& x) const {
  need_hyperbolic();
  return lorentz::to_poincare(x, curv());
}

at::Tensor Embedder::outside_cones(const at::Tensor& texts, const at::Tensor& x) const {
  need_hyperbolic();
  const at::Tensor c = curv();
  return lorentz::pairwise_oxy_angle(texts, x, c, geometry_.lorentz) >
         lorentz::half_aperture(texts, c, geometry_.min_radius, geometry_.lorentz).unsqueeze(1);
}

std::vector<int64_t> Embedder::traverse(const at::Tensor& x, const at::Tensor& pool, int64_t steps) const {
  if (hyperbolic()) {
    const at::Tensor with_root = at::cat({pool, at::zeros({1, pool.size(1)}, pool.options())});
    return lorentz::traverse(x, with_root, curv(),
                             {.steps = steps, .min_radius = geometry_.min_radius, .lorentz = geometry_.lorentz})
        .unique_ids;
  }
  distance_from_root(x);  // there must be a root
  return lorentz::traverse_on_sphere(x, at::cat({pool, root_.unsqueeze(0)}), root_, steps).unique_ids;
}

at::Tensor Embedder::points_to_root(const at::Tensor& x, int64_t steps) const {
  if (hyperbolic()) return lorentz::interpolate_to_root(x, curv(), {.steps = steps, .lorentz = geometry_.lorentz});
  distance_from_root(x);
  return lorentz::interpolate_on_sphere(x, root_, steps);
}

}  // namespace cambium::systems::meru
