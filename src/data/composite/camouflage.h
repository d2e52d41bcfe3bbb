#pragma once
// An object hidden in its surroundings: its colours are moved towards those of the background about it, the background
// bleeds into it, its edge is soft. Ground truth is the cut-out's own alpha.
#include <ATen/core/Tensor.h>

#include "core/random.h"
#include "io/image.h"

namespace cambium::data::composite {

// A picture with its mask, as a dataset of pairs has it.
struct MaskedPicture {
  at::Tensor image;  // [3, S, S], [0, 1]
  at::Tensor mask;   // [1, S, S], bool
};

struct CamouflageOptions {
  int64_t side = 128;                      // pixels
  double min_size = 0.3, max_size = 0.75;  // of the object's longer side, as a share of the picture's
  double min_strength = 0.75,
         max_strength = 1.0;  // of the move of mean and standard deviation: 1 arrives at the background's
  double min_bleed = 0.15, max_bleed = 0.4;  // share of shifted background mixed into the object
  double feather = 0.8;                      // sigma of the edge, pixels
  double jitter = 0.15;                      // of the background's colours
  double min_visible = 0.02;                 // least share of the picture that the object covers

  void validate() const;  // UsageError naming the field
};

// Draws the object's place until enough of it lies in the picture. object RGBA, background RGB.
MaskedPicture camouflage(const io::Image& object, const io::Image& background, const CamouflageOptions& options,
                         Rng& rng);

}  // namespace cambium::data::composite
