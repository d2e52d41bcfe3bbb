#include "systems/sam_adapter/demo/gallery.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <numeric>

#include "io/image_tensor.h"
#include "report/text.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

constexpr int64_t kGap = 4;  // pixels between tiles

std::vector<int64_t> by_score(const Evaluation& evaluation) {
  std::vector<int64_t> order(evaluation.images.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return evaluation.images[static_cast<size_t>(a)].iou < evaluation.images[static_cast<size_t>(b)].iou;
  });
  return order;
}

}  // namespace

at::Tensor strip(const at::Tensor& image, const std::vector<at::Tensor>& masks) {
  const int64_t side = image.size(1), tiles = static_cast<int64_t>(masks.size()) + 1;
  at::Tensor canvas = at::full({3, side, tiles * side + (tiles - 1) * kGap}, 255, at::kByte);
  const auto put = [&](int64_t tile, const at::Tensor& picture) {
    canvas.slice(2, tile * (side + kGap), tile * (side + kGap) + side).copy_(picture);
  };
  put(0, image);
  const at::Tensor tint = at::tensor({255.0f, 60.0f, 20.0f}).view({3, 1, 1});
  const at::Tensor grey = image.to(at::kFloat).mean(0, true).expand_as(image) * 0.75;
  for (size_t i = 0; i < masks.size(); ++i) {
    const at::Tensor marked = at::where(masks[i].unsqueeze(0), 0.45 * image.to(at::kFloat) + 0.55 * tint, grey);
    put(static_cast<int64_t>(i) + 1, marked.round().clamp(0, 255).to(at::kByte));
  }
  return canvas;
}

std::vector<report::Picture> strips(const ProblemSet& test, const ProblemResult& result,
                                    const std::vector<Method>& methods, const std::vector<int64_t>& places) {
  std::vector<report::Picture> out;
  for (const int64_t place : places) {
    std::vector<at::Tensor> masks = {test.masks[place]};
    std::string caption = "picture, truth",
                alt = "Picture " + std::to_string(place + 1) + " of the test split, the truth";
    for (const Method method : methods) {
      const MethodResult& one = result.at(method);
      masks.push_back(one.probabilities[place].gt(0.5));
      caption += ", " + title(method) + " (IoU " +
                 report::format_number(one.evaluation.images[static_cast<size_t>(place)].iou, 2) + ")";
      alt += ", " + title(method);
    }
    out.push_back({.bytes = io::encode_png(io::from_tensor(strip(test.images[place], masks))),
                   .alt = alt,
                   .caption = caption,
                   .aspect = static_cast<double>(masks.size() + 1)});
  }
  return out;
}

at::Tensor sheet(const ProblemSet& test, const ProblemResult& result, const std::vector<Method>& methods,
                 const std::vector<int64_t>& places) {
  std::vector<at::Tensor> rows;
  for (const int64_t place : places) {
    std::vector<at::Tensor> masks = {test.masks[place]};
    for (const Method method : methods) masks.push_back(result.at(method).probabilities[place].gt(0.5));
    const at::Tensor row = strip(test.images[place], masks);
    rows.push_back(at::constant_pad_nd(row, {0, 0, 0, kGap}, 255));
  }
  return at::cat(rows, 1);
}

std::vector<int64_t> evenly_by_score(const Evaluation& evaluation, int64_t count) {
  const auto order = by_score(evaluation);
  const auto size = static_cast<int64_t>(order.size());
  std::vector<int64_t> places;
  for (int64_t i = std::min(count, size) - 1; i >= 0; --i) {
    places.push_back(order[static_cast<size_t>((2 * i + 1) * size / (2 * std::min(count, size)))]);
  }
  return places;
}

std::vector<int64_t> worst_by_score(const Evaluation& evaluation, int64_t count) {
  auto order = by_score(evaluation);
  order.resize(static_cast<size_t>(std::min<int64_t>(count, static_cast<int64_t>(order.size()))));
  return order;
}

}  // namespace cambium::systems::sam_adapter::demo
