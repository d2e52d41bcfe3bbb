#pragma once
// A cast shadow on a picture: a cut-out's outline, sheared and softened, darkens what lies under it. The caster itself
// is not in the picture, as in most of ISTD's.
#include "data/composite/camouflage.h"

namespace cambium::data::composite {

struct ShadowOptions {
  int64_t side = 128;                       // pixels
  double min_size = 0.5, max_size = 1.1;    // of the caster's longer side, as a share of the picture's
  double min_light = 0.4, max_light = 0.7;  // what is left of the light
  double min_blur = 0.6, max_blur = 2.5;    // sigma of the edge, pixels
  double max_shear = 0.9;
  double jitter = 0.15;                    // of the background's colours
  double min_area = 0.03, max_area = 0.5;  // of the shadow, as a share of the picture
  double min_contrast = 0.07;              // mean change of the pixels in shadow: less cannot be seen

  void validate() const;  // UsageError naming the field
};

// Nothing where the drawn shadow is too small, too large or hidden in a dark place: draw again with other pictures.
std::optional<MaskedPicture> cast_shadow(const io::Image& caster, const io::Image& background,
                                         const ShadowOptions& options, Rng& rng);

}  // namespace cambium::data::composite
