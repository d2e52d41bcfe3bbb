#pragma once
// How training describes what it shows: exactly, coarsely, or not at all, as classifier-free guidance needs.
#include "core/random.h"
#include "io/recipe.h"

namespace cambium::systems::video_ldm {

enum class Caption { name, subgroup, none };

struct CaptionShares {
  double name = 0.9;    // the film's caption
  double subgroup = 0;  // the name of its subgroup, in lists that have one; the rest is not described
};

Caption draw(const CaptionShares& shares, Rng& rng);

void fields(io::RecipeSection& section, CaptionShares& shares);

}  // namespace cambium::systems::video_ldm
