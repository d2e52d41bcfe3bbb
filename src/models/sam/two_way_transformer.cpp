#include "models/sam/two_way_transformer.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>

#include "models/sam/layers.h"
#include "nn/attention.h"

namespace cambium::sam {
namespace {

using ImageSide = TwoWayTransformer::ImageSide;
using FusedSide = TwoWayTransformer::FusedSide;

// One product for several layers of the same input; `placed` says which of them see the position besides.
FusedSide fuse(const std::vector<std::pair<std::shared_ptr<nn::Linear>, bool>>& layers, const at::Tensor& position) {
  std::vector<at::Tensor> weights, places;
  int64_t out = 0;
  for (const auto& [layer, placed] : layers) {
    weights.push_back(layer->weight);
    out += layer->options().out;
    const at::Tensor bias = layer->bias.to(position.scalar_type());
    places.push_back(placed ? layer->forward(position) : bias.expand({1, position.size(1), -1}));
  }
  FusedSide fused;
  fused.linear = std::make_shared<nn::Linear>(nn::LinearOptions{.in = position.size(2), .out = out, .bias = false});
  fused.linear->weight.set_requires_grad(false);
  fused.linear->weight.set_data(at::cat(weights, 0));
  fused.place = at::cat(places, 2);
  return fused;
}

ImageSide side_from(const at::Tensor& packed, int64_t parts) {
  const auto pieces = packed.chunk(parts, 2);
  return {pieces[0], pieces[1], parts > 2 ? pieces[2] : at::Tensor()};
}

}  // namespace

DecoderAttention::DecoderAttention(int64_t width, int64_t internal, int64_t heads) : heads_(heads) {
  const nn::LinearOptions in{.in = width, .out = internal}, out{.in = internal, .out = width};
  q_proj_ = register_module("q_proj", std::make_shared<nn::Linear>(in));
  k_proj_ = register_module("k_proj", std::make_shared<nn::Linear>(in));
  v_proj_ = register_module("v_proj", std::make_shared<nn::Linear>(in));
  out_proj_ = register_module("out_proj", std::make_shared<nn::Linear>(out));
}

at::Tensor DecoderAttention::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const {
  const auto heads = [&](const at::Tensor& t) { return t.unflatten(2, {heads_, -1}).transpose(1, 2); };
  return nn::attention(heads(q), heads(k), heads(v));
}

at::Tensor DecoderAttention::from_tokens(const at::Tensor& queries, const at::Tensor& k, const at::Tensor& v) const {
  const at::Tensor q = q_proj_->forward(queries);  // [B, T, internal]
  if (k.size(0) == q.size(0)) return attend(q, k, v);
  // The queries of all prompts of an image go to its keys together.
  return attend(q.reshape({k.size(0), -1, q.size(2)}), k, v).view_as(q);
}

void DecoderAttention::initialize(at::Generator& generator) {
  for (const auto& layer : {q_proj_, k_proj_, v_proj_, out_proj_}) initialize_linear(*layer, generator);
}

class TwoWayBlock : public torch::nn::Module {
 public:
  TwoWayBlock(const MaskDecoderOptions& o, bool first) : first_(first) {
    const int64_t cross = o.width / o.downsample;
    const auto norm = [&](const char* name) {
      return register_module(name, std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = o.width}));
    };
    self_ = register_module("self_attn", std::make_shared<DecoderAttention>(o.width, o.width, o.heads));
    norm1_ = norm("norm1");
    to_image_ =
        register_module("cross_attn_token_to_image", std::make_shared<DecoderAttention>(o.width, cross, o.heads));
    norm2_ = norm("norm2");
    auto mlp = std::make_shared<torch::nn::Module>("mlp");
    lin1_ = mlp->register_module("lin1",
                                 std::make_shared<nn::Linear>(nn::LinearOptions{.in = o.width, .out = o.mlp_width}));
    lin2_ = mlp->register_module("lin2",
                                 std::make_shared<nn::Linear>(nn::LinearOptions{.in = o.mlp_width, .out = o.width}));
    register_module("mlp", mlp);
    norm3_ = norm("norm3");
    norm4_ = norm("norm4");
    to_tokens_ =
        register_module("cross_attn_image_to_token", std::make_shared<DecoderAttention>(o.width, cross, o.heads));
  }

  bool adapted() const {
    return to_image_->k_proj()->delta() || to_image_->v_proj()->delta() || to_tokens_->q_proj()->delta();
  }

  FusedSide fused_side(const at::Tensor& position) const {
    return fuse({{to_image_->k_proj(), true}, {to_image_->v_proj(), false}, {to_tokens_->q_proj(), true}}, position);
  }

  ImageSide side(const at::Tensor& image, const at::Tensor& position) const {
    const at::Tensor placed = image + position;
    return {to_image_->k_proj()->forward(placed), to_image_->v_proj()->forward(image),
            to_tokens_->q_proj()->forward(placed)};
  }

  // tokens [B, T, C]; image [I | B, N, C], I dividing B -> tokens [B, T, C], image [B, N, C]
  TwoWayTransformer::Output forward(const at::Tensor& image, const ImageSide& side, const at::Tensor& tokens,
                                    const at::Tensor& token_position) const {
    at::Tensor queries;
    {
      // The first layer's tokens are their own positions, and it has no residual.
      const at::Tensor q = first_ ? tokens : tokens + token_position;
      const at::Tensor y =
          self_->attend(self_->q_proj()->forward(q), self_->k_proj()->forward(q), self_->v_proj()->forward(tokens));
      const auto& out = self_->out_proj();
      queries = norm1_->forward(first_ ? out->forward(y) : out->forward_add(y, tokens));
    }
    {
      const at::Tensor y = to_image_->from_tokens(queries + token_position, side.k, side.v);
      queries = norm2_->forward(to_image_->out_proj()->forward_add(y, queries));
    }
    queries = norm3_->forward(lin2_->forward_add(at::relu(lin1_->forward(queries)), queries));

    // Each image's queries serve all of its prompts.
    const int64_t batch = tokens.size(0), images = image.size(0);
    const auto per_prompt = [&](const at::Tensor& t) {
      return images == batch ? t : t.unsqueeze(1).expand({-1, batch / images, -1, -1}).reshape({batch, t.size(1), -1});
    };
    const at::Tensor y = to_tokens_->attend(per_prompt(side.q), to_tokens_->k_proj()->forward(queries + token_position),
                                            to_tokens_->v_proj()->forward(queries));
    return {queries, norm4_->forward(to_tokens_->out_proj()->forward_add(y, per_prompt(image)))};
  }

  void initialize(at::Generator& generator) {
    for (const auto& attention : {self_, to_image_, to_tokens_}) attention->initialize(generator);
    for (const auto& layer : {lin1_, lin2_}) initialize_linear(*layer, generator);
    for (const auto& norm : {norm1_, norm2_, norm3_, norm4_}) initialize_norm(*norm);
  }

 private:
  bool first_;
  std::shared_ptr<DecoderAttention> self_, to_image_, to_tokens_;
  std::shared_ptr<nn::Linear> lin1_, lin2_;
  std::shared_ptr<nn::LayerNorm> norm1_, norm2_, norm3_, norm4_;
};

TwoWayTransformer::TwoWayTransformer(const MaskDecoderOptions& options) {
  auto layers = std::make_shared<torch::nn::Module>("layers");
  for (int64_t i = 0; i < options.depth; ++i) {
    layers_.push_back(layers->register_module(std::to_string(i), std::make_shared<TwoWayBlock>(options, i == 0)));
  }
  register_module("layers", layers);
  final_attention_ = register_module(
      "final_attn_token_to_image",
      std::make_shared<DecoderAttention>(options.width, options.width / options.downsample, options.heads));
  norm_final_ =
      register_module("norm_final_attn", std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = options.width}));
}

TwoWayTransformer::~TwoWayTransformer() = default;

TwoWayTransformer::Plan TwoWayTransformer::plan(const at::Tensor& position) const {
  const auto& k = final_attention_->k_proj();
  const auto& v = final_attention_->v_proj();
  Plan plan;
  for (const auto& layer : layers_) {
    if (layer->adapted() || k->delta() || v->delta()) return {};
    plan.push_back(layer->fused_side(position));
  }
  plan.push_back(fuse({{k, true}, {v, false}}, position));
  return plan;
}

TwoWayTransformer::Image TwoWayTransformer::prepare(const at::Tensor& rows, const at::Tensor& position,
                                                    const Plan* plan) const {
  Image image{.rows = rows, .position = position, .plan = plan};
  image.first = plan ? side_from(plan->front().linear->forward_add(rows, plan->front().place), 3)
                     : layers_.front()->side(rows, position);
  return image;
}

TwoWayTransformer::Output TwoWayTransformer::forward(const Image& image, const at::Tensor& tokens) const {
  const auto planned = [&](const at::Tensor& rows, size_t i, int64_t parts) {
    const FusedSide& fused = (*image.plan)[i];
    return side_from(fused.linear->forward_add(rows, fused.place), parts);
  };
  Output out{tokens, image.rows};
  for (size_t i = 0; i < layers_.size(); ++i) {
    const ImageSide side = i == 0       ? image.first
                           : image.plan ? planned(out.image, i, 3)
                                        : layers_[i]->side(out.image, image.position);
    out = layers_[i]->forward(out.image, side, out.tokens, tokens);
  }
  const auto& last = final_attention_;
  const ImageSide side =
      image.plan
          ? planned(out.image, layers_.size(), 2)
          : ImageSide{last->k_proj()->forward(out.image + image.position), last->v_proj()->forward(out.image), {}};
  const at::Tensor y = last->from_tokens(out.tokens + tokens, side.k, side.v);
  out.tokens = norm_final_->forward(last->out_proj()->forward_add(y, out.tokens));
  return out;
}

void TwoWayTransformer::initialize(at::Generator& generator) {
  for (const auto& layer : layers_) layer->initialize(generator);
  final_attention_->initialize(generator);
  initialize_norm(*norm_final_);
}

}  // namespace cambium::sam
