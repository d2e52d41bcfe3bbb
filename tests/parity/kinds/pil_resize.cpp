// pil_resize: Pillow's resampler, SAM's resize of the longest side with the coordinates that go with it, and grey.
//
// Items: resize.HxW.T and resize_torch, coords, boxes of the same cases; squash.HxW.T and squash_mask_nearest.HxW.T (to
// T x T); gray_L.HxW; config.preprocess_shapes.HxW->T. Seeds of the cases are in the config, those of the others in the
// notes.
#include <ATen/ATen.h>

#include <regex>

#include "core/error.h"
#include "io/image_tensor.h"
#include "io/resize.h"
#include "models/sam/frame.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

struct Source {
  int64_t height, width;
  auto operator<=>(const Source&) const = default;
};

at::Tensor interleaved(const io::Image& picture) {
  const at::Tensor out = io::to_tensor(picture).permute({1, 2, 0});  // [H, W, C]
  return picture.channels == 1 ? out.squeeze(2) : out;
}

io::Image first_channel(const io::Image& picture) { return io::from_tensor(io::to_tensor(picture).slice(0, 0, 1)); }

void add_case(const Json& entry, Results& results) {
  const auto h = entry.at("h").get<int64_t>(), w = entry.at("w").get<int64_t>();
  const auto target = entry.at("target").get<int64_t>();
  const std::string name = std::to_string(h) + "x" + std::to_string(w) + "." + std::to_string(target);
  const io::Image source = image(h, w, entry.at("seed").get<int64_t>());
  results.tensors["resize." + name] = interleaved(io::resize_long_side(source, target));

  const sam::Frame frame = sam::Frame::of(h, w, target);
  const at::Tensor planar = io::to_tensor(source).unsqueeze(0);  // [1, 3, H, W]
  using at::indexing::Slice;
  results.tensors["resize_torch." + name] =
      sam::scale(planar, frame).index({"...", Slice(0, at::nullopt, 2), Slice(0, at::nullopt, 2)});

  const auto number = [](int64_t n) { return static_cast<double>(n); };
  const at::Tensor points =
      at::tensor({0.0, 0.0, number(w - 1), number(h - 1), number(w) / 3, number(h) / 7}, at::kDouble);
  results.tensors["coords." + name] = sam::to_input(points.reshape({3, 2}), frame);
  const at::Tensor box = at::tensor({1.0, 2.0, number(w - 3), number(h - 4)}, at::kDouble);
  results.tensors["boxes." + name] = sam::boxes_to_input(box.reshape({1, 4}), frame);
}

// "... use seed 6 for 60x100, 7 for 33x47"
std::map<Source, int64_t> seeds_in_notes(const Golden& golden) {
  std::map<Source, int64_t> out;
  static const std::regex pattern(R"((\d+) for (\d+)x(\d+))");
  for (const auto& note : golden.config.at("notes")) {
    const auto text = note.get<std::string>();
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
      out[{std::stol((*it)[2]), std::stol((*it)[3])}] = std::stol((*it)[1]);
    }
  }
  return out;
}

void add_single(const std::string& name, const std::map<Source, int64_t>& seeds, Results& results) {
  static const std::regex pattern(R"((squash|squash_mask_nearest|gray_L)\.(\d+)x(\d+)(?:\.(\d+))?)");
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) return;
  const Source source{std::stol(match[2]), std::stol(match[3])};
  const auto seed = seeds.find(source);
  if (seed == seeds.end()) throw Error({.what = "the notes name no seed for it", .field = name});
  const io::Image picture = image(source.height, source.width, seed->second);
  if (match[1] == "gray_L") {
    results.tensors[name] = interleaved(io::to_grey(picture));
    return;
  }
  const int64_t target = std::stol(match[4]);
  results.tensors[name] = match[1] == "squash"
                              ? interleaved(io::resize(picture, target, target, io::Filter::bilinear))
                              : interleaved(io::resize(first_channel(picture), target, target, io::Filter::nearest));
}

}  // namespace

Results check_pil_resize(const Golden& golden) {
  Results results;
  for (const auto& entry : golden.config.at("cases")) add_case(entry, results);
  const auto seeds = seeds_in_notes(golden);
  for (const auto& [name, tensor] : golden.tensors.tensors) add_single(name, seeds, results);

  static const std::regex shape(R"((\d+)x(\d+)->(\d+))");
  for (const auto& [key, value] : golden.config.at("preprocess_shapes").items()) {
    std::smatch match;
    if (!std::regex_match(key, match, shape)) throw Error({.what = "not HxW->T", .field = key});
    const io::Size size = io::long_side_size(std::stol(match[2]), std::stol(match[1]), std::stol(match[3]));
    results.json["preprocess_shapes"][key] = {size.height, size.width};
  }
  return results;
}

}  // namespace cambium::parity
