#include "systems/video_ldm/caption_shares.h"

namespace cambium::systems::video_ldm {

Caption draw(const CaptionShares& shares, Rng& rng) {
  const double drawn = rng.uniform();
  return drawn < shares.name                     ? Caption::name
         : drawn < shares.name + shares.subgroup ? Caption::subgroup
                                                 : Caption::none;
}

void fields(io::RecipeSection& s, CaptionShares& r) {
  s.field("name", r.name, io::between(0, 1));
  s.field("subgroup", r.subgroup, io::between(0, 1));
  if (r.name + r.subgroup > 1) s.fail("subgroup", "makes more than 1 with name", "lower one of them");
}

}  // namespace cambium::systems::video_ldm
