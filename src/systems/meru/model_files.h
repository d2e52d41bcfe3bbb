#pragma once
// Which files make a model.
#include <string>

namespace cambium::systems::meru {

struct ModelFiles {
  std::string weights = {};       // a MERU or CLIP file or folder; with a delta: its foundation
  std::string delta = {};         // what a run with a foundation left; empty: none
  bool allow_foundation = false;  // take other weights of the same architecture than the delta was trained beside
};

}  // namespace cambium::systems::meru
