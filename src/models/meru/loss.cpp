#include "models/meru/loss.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"

namespace cambium::meru {
namespace {

at::ScalarType precision(const at::Tensor& x, const LorentzOptions& options) {
  return options.numerics == Numerics::safe || x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor squared_euclidean(const at::Tensor& x, const at::Tensor& y) {
  return x.pow(2).sum(-1, true) - 2 * x.matmul(y.t()) + y.pow(2).sum(-1).unsqueeze(0);  // [B1, B2]
}

// Euclidean cones, EuCLIP: exterior angle acos(<y-x, x> / (|y-x||x|)), half-aperture asin(min(1, K/|x|)).
at::Tensor euclidean_excess(const at::Tensor& x, const at::Tensor& y, double factor, const LossOptions& options) {
  const auto type = precision(x, options.lorentz);
  const double eps = options.lorentz.eps;
  const at::Tensor apex = x.to(type), step = y.to(type) - apex;
  const at::Tensor norm = apex.norm(2, -1);  // [B]
  const at::Tensor cosine = (step * apex).sum(-1) / (step.norm(2, -1) * norm + eps);
  const at::Tensor exterior = at::acos(at::clamp(cosine, -1 + eps, 1 - eps));
  const at::Tensor aperture = at::asin(at::clamp_max(options.min_radius / (norm + eps), 1 - eps));
  return at::clamp_min(exterior - factor * aperture, 0);
}

at::Tensor cross_entropy(const at::Tensor& logits, int64_t offset) {
  const at::Tensor targets = at::arange(logits.size(0), logits.options().dtype(at::kLong)) + offset;
  return at::cross_entropy_loss(logits, targets);
}

// Embeddings of one modality on this rank, and on all of them.
struct Side {
  at::Tensor local, all;
  int64_t offset;
};

// Gathers embeddings as they are, and hands them to the comparisons in `type`.
Side collect(const at::Tensor& local, at::ScalarType type, Gather& gather) {
  const auto result = gather(local);
  const at::Tensor mine = local.to(type);
  return {mine, result.all.is_same(local) ? mine : result.all.to(type), result.offset};
}

// (CE of images against all texts) + (CE of texts against all images). `image` and `text` are the queries on this rank.
at::Tensor both_ways(const at::Tensor& image, const at::Tensor& text, const Side& images, const Side& texts,
                     const at::Tensor& scale, const at::Tensor& curv, const LossOptions& options) {
  at::Tensor image_logits, text_logits;  // [B, world B]
  if (options.geometry == Geometry::sphere) {
    image_logits = (scale * image).matmul(texts.all.t());
    text_logits = (scale * text).matmul(images.all.t());
  } else {
    image_logits = similarity(image, texts.all, curv, options) * scale;
    // One process, whole pairs: the second matrix is the first one's transpose.
    const bool same = image.is_same(images.all) && text.is_same(texts.all);
    text_logits = same ? image_logits.t() : similarity(images.all, text, curv, options).t() * scale;
  }
  return cross_entropy(image_logits, texts.offset) + cross_entropy(text_logits, images.offset);
}

}  // namespace

LossOptions LossOptions::clip() {
  return {.geometry = Geometry::sphere, .similarity = Similarity::inner, .entail_weight = 0};
}
LossOptions LossOptions::meru() { return {}; }
LossOptions LossOptions::hycoclip() { return {.whole_aperture = 0.7}; }
LossOptions LossOptions::euclip() {
  return {.geometry = Geometry::euclidean, .similarity = Similarity::squared_distance};
}

void LossOptions::validate() const {
  const auto check = [](bool good, const char* field, const char* what) {
    if (!good) throw UsageError({.what = what, .field = field});
  };
  check(entail_weight >= 0 && std::isfinite(entail_weight), "entail_weight", "must be a number of 0 or more");
  check(min_radius > 0 && std::isfinite(min_radius), "min_radius", "must be above 0");
  check(curv_init > 0 && std::isfinite(curv_init), "curv_init", "must be above 0 (the space has curvature -curv_init)");
  check(whole_aperture > 0 && box_aperture > 0, "aperture", "the aperture factors must be above 0");
  check(lorentz.eps > 0 && lorentz.eps < 1e-2, "eps", "must be between 0 and 0.01");
  check(geometry != Geometry::sphere || entail_weight == 0, "entail_weight",
        "must be 0 on the sphere, which has no entailment");
  check(geometry != Geometry::sphere || similarity == Similarity::inner, "similarity", "must be inner on the sphere");
  check(geometry == Geometry::hyperboloid || similarity != Similarity::angle, "similarity",
        "angle exists on the hyperboloid only");
}

void clamp_scalars(const LossScalars& scalars, const LossOptions& options) {
  scalars.logit_scale.data().clamp_max_(options.max_logit_scale);
  if (options.geometry != Geometry::hyperboloid) return;
  scalars.curv.data().clamp_(std::log(options.curv_init / 10), std::log(options.curv_init * 10));
  scalars.visual_alpha.data().clamp_max_(0);
  scalars.textual_alpha.data().clamp_max_(0);
}

at::Tensor embed(const at::Tensor& features, const at::Tensor& alpha, const at::Tensor& curv,
                 const LossOptions& options) {
  const at::Tensor x = features.scalar_type() == at::kDouble ? features : features.to(at::kFloat);  // [B, D]
  switch (options.geometry) {
    case Geometry::sphere:
      return x / at::clamp_min(x.norm(2, -1, true), 1e-12);
    case Geometry::euclidean:
      return x * std::pow(static_cast<double>(x.size(-1)), -0.5);
    case Geometry::hyperboloid:
      break;
  }
  return exp_map0(x * alpha.exp(), curv.exp(), options.lorentz);
}

at::Tensor similarity(const at::Tensor& image, const at::Tensor& text, const at::Tensor& curv,
                      const LossOptions& options) {
  const bool square = options.similarity == Similarity::squared_distance;
  if (options.geometry == Geometry::hyperboloid) {
    const at::Tensor c = curv.exp();
    if (options.similarity == Similarity::inner) return pairwise_inner(image, text, c, options.lorentz);
    if (options.similarity == Similarity::angle) return -pairwise_oxy_angle(text, image, c, options.lorentz).t();
    const at::Tensor distance = pairwise_dist(image, text, c, options.lorentz);
    return square ? -distance.pow(2) : -distance;
  }
  if (options.similarity == Similarity::inner) return image.matmul(text.t());
  const auto type = precision(image, options.lorentz);
  const at::Tensor squared = squared_euclidean(image.to(type), text.to(type));
  return (square ? -squared : -at::sqrt(at::clamp_min(squared, options.lorentz.eps))).to(image.scalar_type());
}

at::Tensor cone_excess(const at::Tensor& x, const at::Tensor& y, const at::Tensor& curv, double aperture_factor,
                       const LossOptions& options) {
  if (options.geometry == Geometry::euclidean) {
    return euclidean_excess(x, y, aperture_factor, options).to(x.scalar_type());
  }
  const at::Tensor c = curv.exp();
  const at::Tensor aperture = half_aperture(x, c, options.min_radius, options.lorentz);
  return at::clamp_min(oxy_angle(x, y, c, options.lorentz) - aperture_factor * aperture, 0);
}

LossOutput contrastive_loss(const PairFeatures& features, const LossScalars& scalars, const LossOptions& options,
                            Gather& gather) {
  const bool boxes = features.box_image.defined();
  const bool cones = options.geometry != Geometry::sphere;
  const auto on_image = [&](const at::Tensor& x) { return embed(x, scalars.visual_alpha, scalars.curv, options); };
  const auto on_text = [&](const at::Tensor& x) { return embed(x, scalars.textual_alpha, scalars.curv, options); };

  const at::Tensor image_embeds = on_image(features.image), text_embeds = on_text(features.text);
  // The safe form keeps distances and logits in float64 up to the loss. Distances differ by little beside their size:
  // the gradient of logit_scale is a sum that cancels, and in float32 it is mostly the distances' rounding.
  const auto type = cones ? precision(image_embeds, options.lorentz) : image_embeds.scalar_type();
  const auto shown = image_embeds.scalar_type();
  const Side image = collect(image_embeds, type, gather);
  const Side text = collect(text_embeds, type, gather);
  const at::Tensor box_image = boxes ? on_image(features.box_image).to(type) : at::Tensor();
  const at::Tensor box_text = boxes ? on_text(features.box_text).to(type) : at::Tensor();

  const at::Tensor scale = scalars.logit_scale.exp();
  at::Tensor contrastive = both_ways(image.local, text.local, image, text, scale, scalars.curv, options) / 2;
  if (boxes) {
    // HyCoCLIP: boxes are told apart by whole images and texts only.
    const at::Tensor parts = both_ways(box_image, box_text, image, text, scale, scalars.curv, options) / 2;
    contrastive = (contrastive + parts) / 2;
  }

  LossOutput out{.loss = contrastive, .contrastive_loss = contrastive.to(shown)};
  const auto show = [&](const char* name, const at::Tensor& value) {
    out.logged.emplace_back(name, value.detach().to(shown));
  };
  show("contrastive_loss", contrastive);
  at::Tensor violations;
  if (cones) {
    // Without weight the term is only shown: no graph for it.
    const at::AutoGradMode mode(at::GradMode::is_enabled() && options.entail_weight > 0);
    const auto excess = [&](const at::Tensor& x, const at::Tensor& y, double factor) {
      return cone_excess(x, y, scalars.curv, factor, options);
    };
    const at::Tensor whole = excess(text.local, image.local, options.whole_aperture);  // [B]
    violations = (whole.detach() > 0).to(shown).mean();
    at::Tensor entailment = whole.mean();
    if (boxes) {
      // The box is the general one: it entails the whole.
      entailment = (entailment + excess(box_text, box_image, options.whole_aperture).mean() +
                    excess(box_image, image.local, options.box_aperture).mean() +
                    excess(box_text, text.local, options.box_aperture).mean()) /
                   2;
    }
    out.entailment_loss = entailment.to(shown);
    show("entailment_loss", entailment);
    if (options.entail_weight > 0) out.loss = contrastive + options.entail_weight * entailment;
  }
  out.loss = out.loss.to(shown);

  show("logit_scale", scale);
  if (options.geometry == Geometry::hyperboloid) show("curv", scalars.curv.exp());
  if (cones) {
    show("violation_rate", violations);
    show("image_norm", image.local.norm(2, -1).mean());
    show("text_norm", text.local.norm(2, -1).mean());
  }
  return out;
}

LossOutput contrastive_loss(const PairFeatures& features, const LossScalars& scalars, const LossOptions& options) {
  Gather alone;
  return contrastive_loss(features, scalars, options, alone);
}

}  // namespace cambium::meru
