#pragma once
// From a listed film to the clip that a step trains on.
#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "data/clips/clip_list.h"

namespace cambium::data {

struct ClipOptions {
  int64_t frames = 8;
  double fps = 0;  // 0: the film's own rate
  // Pixels: the picture is scaled to cover them, antialiased, and its middle cut out. 0 and 0: as it is.
  int64_t width = 512, height = 320;

  void validate() const;
};

struct Clip {
  int64_t index = -1;  // of the list
  std::string name = {};
  at::Tensor frames = {};  // u8 [T, 3, H, W]
  int64_t start = 0;       // frame of the film's grid
  double fps = 0;          // that the clip has
  std::vector<std::string> captions = {};
  std::vector<std::vector<std::string>> extra = {};
};

// The clip that begins at frame `start` of the film's grid: its frame k is round(start + k * film's fps / fps), half to
// even. Error naming the film where it cannot be read or is too short.
Clip clip_at(const ClipList& list, int64_t index, int64_t start, const ClipOptions& options);
// With a start drawn uniformly among those that fit. Draws one number.
Clip draw_clip(const ClipList& list, int64_t index, const ClipOptions& options, Rng& rng);
// With the start in the middle: for evaluation.
Clip middle_clip(const ClipList& list, int64_t index, const ClipOptions& options);

// u8 [B, T, 3, H, W]. Error for clips of different sizes, or none.
at::Tensor stack_clips(std::span<const Clip> clips);
// f32 in [-1, 1], as autoencoders take it: u8 / 127.5 - 1, any shape.
at::Tensor to_signed_unit(const at::Tensor& bytes);

// Scaled to cover width x height by Pillow's bilinear filter (antialiased), the middle cut out.
io::Image cover(const io::Image& image, int64_t width, int64_t height);

}  // namespace cambium::data
