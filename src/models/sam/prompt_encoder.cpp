#include "models/sam/prompt_encoder.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <numbers>

#include "core/error.h"
#include "core/random.h"
#include "io/dtype.h"
#include "nn/activation.h"

namespace cambium::sam {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error({.what = what, .field = "prompts"}); }

void check(const Prompts& p, int64_t mask_height, int64_t mask_width) {
  const int64_t batch = p.batch();
  if (p.points.defined() != p.labels.defined()) refuse("points and labels come together");
  if (p.points.defined() && (p.points.dim() != 3 || p.points.size(2) != 2)) {
    refuse("expected points of shape [B, N, 2], got " + io::shape_text(p.points.sizes()));
  }
  if (p.points.defined() && p.labels.sizes() != p.points.sizes().slice(0, 2)) {
    refuse("there are points of shape " + io::shape_text(p.points.sizes()) + " and labels of shape " +
           io::shape_text(p.labels.sizes()));
  }
  if (p.boxes.defined() && (p.boxes.dim() != 2 || p.boxes.size(1) != 4)) {
    refuse("expected boxes of shape [B, 4], got " + io::shape_text(p.boxes.sizes()));
  }
  if (p.boxes.defined() && p.boxes.size(0) != batch) {
    refuse("there are " + std::to_string(p.boxes.size(0)) + " boxes for " + std::to_string(batch) + " rows of points");
  }
  if (!p.masks.defined()) return;
  if (p.masks.dim() != 4 || p.masks.size(1) != 1 || p.masks.size(2) != mask_height || p.masks.size(3) != mask_width) {
    refuse("expected masks of shape [B, 1, " + std::to_string(mask_height) + ", " + std::to_string(mask_width) +
           "], got " + io::shape_text(p.masks.sizes()));
  }
  if (p.masks.size(0) != batch && p.masks.size(0) != 1) {
    refuse("there are " + std::to_string(p.masks.size(0)) + " masks for " + std::to_string(batch) + " prompts");
  }
}

}  // namespace

int64_t Prompts::batch() const {
  for (const at::Tensor* t : {&points, &boxes, &masks}) {
    if (t->defined()) return t->size(0);
  }
  return 1;
}

PositionEmbeddingRandom::PositionEmbeddingRandom(int64_t width) {
  gaussian_ = register_buffer("positional_encoding_gaussian_matrix", at::empty({2, width / 2}));
}

at::Tensor PositionEmbeddingRandom::encode(const at::Tensor& coordinates) const {
  const at::Tensor c = 2 * coordinates.to(gaussian_.scalar_type()) - 1;
  const at::Tensor angle = 2 * std::numbers::pi * c.matmul(gaussian_);  // [..., C / 2]
  return at::cat({angle.sin(), angle.cos()}, -1);
}

at::Tensor PositionEmbeddingRandom::grid(int64_t height, int64_t width) const {
  const auto centres = [&](int64_t n) { return (at::arange(n, gaussian_.options()) + 0.5) / n; };
  const at::Tensor y = centres(height).unsqueeze(1).expand({height, width});
  const at::Tensor x = centres(width).unsqueeze(0).expand({height, width});
  return encode(at::stack({x, y}, 2)).permute({2, 0, 1}).unsqueeze(0);  // [1, C, h, w]
}

void PositionEmbeddingRandom::initialize(at::Generator& generator) { normal_(gaussian_, 0, 1, generator); }

PromptEncoder::PromptEncoder(const PromptEncoderOptions& options) : options_(options) {
  options.validate();
  const int64_t width = options.width, channels = options.mask_channels;
  pe_layer_ = register_module("pe_layer", std::make_shared<PositionEmbeddingRandom>(width));
  auto points = std::make_shared<torch::nn::Module>("point_embeddings");
  for (int64_t i = 0; i < 4; ++i) {
    point_embeddings_.push_back(points->register_module(std::to_string(i), std::make_shared<Embedding>(1, width)));
  }
  register_module("point_embeddings", points);
  not_a_point_embed_ = register_module("not_a_point_embed", std::make_shared<Embedding>(1, width));
  // Positions 2 and 5 of the original's sequence are activations.
  auto masks = std::make_shared<torch::nn::Module>("mask_downscaling");
  const auto convolution = [&](const char* name, const Conv2dOptions& o) {
    mask_convs_.push_back(masks->register_module(name, std::make_shared<Conv2d>(o)));
  };
  const auto norm = [&](const char* name, int64_t n) {
    mask_norms_.push_back(masks->register_module(name, std::make_shared<LayerNorm2d>(n)));
  };
  convolution("0", {.in = 1, .out = channels / 4, .kernel = 2, .stride = 2});
  norm("1", channels / 4);
  convolution("3", {.in = channels / 4, .out = channels, .kernel = 2, .stride = 2});
  norm("4", channels);
  convolution("6", {.in = channels, .out = width});
  register_module("mask_downscaling", masks);
  no_mask_embed_ = register_module("no_mask_embed", std::make_shared<Embedding>(1, width));
}

at::Tensor PromptEncoder::dense_pe(int64_t height, int64_t width) const { return pe_layer_->grid(height, width); }

at::Tensor PromptEncoder::dense_pe() const {
  const int64_t grid = options_.image_size / options_.patch;
  return dense_pe(grid, grid);
}

at::Tensor PromptEncoder::embed_points(const at::Tensor& points, const at::Tensor& labels, bool pad, int64_t height,
                                       int64_t width) const {
  at::Tensor p = points + 0.5, label = labels;  // the centres of pixels
  if (pad) {
    p = at::cat({p, at::zeros({p.size(0), 1, 2}, p.options())}, 1);
    label = at::cat({label, at::full({label.size(0), 1}, -1, label.options())}, 1);
  }
  // In the points' own dtype up to here.
  const at::Tensor pe = pe_layer_->encode(p / at::tensor({width, height}, p.options()));  // [B, N, C]
  const auto term = [&](int64_t wanted, const Embedding& embedding) {
    return label.eq(wanted).unsqueeze(2) * embedding.weight.to(pe.scalar_type());
  };
  return pe * label.ne(-1).unsqueeze(2) + term(-1, *not_a_point_embed_) + term(0, *point_embeddings_[0]) +
         term(1, *point_embeddings_[1]);
}

at::Tensor PromptEncoder::embed_boxes(const at::Tensor& boxes, int64_t height, int64_t width) const {
  const at::Tensor corners = (boxes + 0.5).view({-1, 2, 2});
  const at::Tensor pe = pe_layer_->encode(corners / at::tensor({width, height}, corners.options()));  // [B, 2, C]
  return pe + at::stack({point_embeddings_[2]->weight, point_embeddings_[3]->weight}, 1).to(pe.scalar_type());
}

at::Tensor PromptEncoder::embed_masks(const at::Tensor& masks) const {
  at::Tensor x = masks;
  for (size_t i = 0; i < mask_norms_.size(); ++i) {
    x = nn::activate(mask_norms_[i]->forward_image(mask_convs_[i]->forward(x)), nn::Activation::gelu);
  }
  return mask_convs_.back()->forward(x);  // [B, C, h, w]
}

PromptEmbeddings PromptEncoder::encode(const Prompts& prompts, int64_t height, int64_t width) const {
  const int64_t rows = height / options_.patch, columns = width / options_.patch;
  check(prompts, 4 * rows, 4 * columns);
  const auto floating = [](const at::Tensor& t) { return at::isFloatingType(t.scalar_type()) ? t : t.to(at::kFloat); };
  std::vector<at::Tensor> sparse;
  if (prompts.points.defined()) {
    sparse.push_back(embed_points(floating(prompts.points), prompts.labels, !prompts.boxes.defined(), height, width));
  }
  if (prompts.boxes.defined()) sparse.push_back(embed_boxes(floating(prompts.boxes), height, width));
  const at::Tensor& none = no_mask_embed_->weight;  // [1, C]
  PromptEmbeddings out;
  out.sparse = sparse.empty() ? at::empty({prompts.batch(), 0, options_.width}, none.options().dtype(at::kFloat))
                              : at::cat(sparse, 1);
  out.dense = prompts.masks.defined()
                  ? embed_masks(prompts.masks.to(at::kFloat))
                  : none.to(at::kFloat).view({1, options_.width, 1, 1}).expand({1, -1, rows, columns});
  return out;
}

PromptEmbeddings PromptEncoder::encode(const Prompts& prompts) const {
  return encode(prompts, options_.image_size, options_.image_size);
}

void PromptEncoder::initialize(at::Generator& generator) {
  pe_layer_->initialize(generator);
  for (const auto& embedding : point_embeddings_) embedding->initialize(generator);
  not_a_point_embed_->initialize(generator);
  for (const auto& convolution : mask_convs_) convolution->initialize(generator);
  for (const auto& norm : mask_norms_) initialize_norm(*norm);
  no_mask_embed_->initialize(generator);
}

}  // namespace cambium::sam
