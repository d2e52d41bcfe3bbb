#pragma once
// The demo's two tasks as anyone would have them: folders of pictures and masks, composed from objects and backgrounds
// of which whole ones are held out (data/composite).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/composite/pictures.h"

namespace cambium::systems::sam_adapter::demo {

enum class Problem { camouflage, shadow };
std::string to_string(Problem problem);

struct SetSizes {
  int64_t train = 1200, validation = 120, test = 160;  // pictures
};

// Writes folder/{train,validation,test}/{images,masks}/0001.png from the prepared pictures' splits of those names. The
// same seed writes the same files. The folder appears whole.
void compose_problem(Problem problem, const std::filesystem::path& pictures, const std::filesystem::path& folder,
                     const SetSizes& sizes, int64_t side, uint64_t seed);

// Pictures in memory.
struct ProblemSet {
  at::Tensor images;  // u8 [N, 3, S, S]
  at::Tensor masks;   // bool [N, S, S]
  int64_t size() const { return images.size(0); }
};

// `count` pictures of what `objects` and `backgrounds` take, nothing written.
ProblemSet compose_examples(Problem problem, const std::filesystem::path& pictures,
                            const data::composite::PictureFilter& objects,
                            const data::composite::PictureFilter& backgrounds, int64_t count, int64_t side,
                            uint64_t seed);

// `count` 0: all. Error where a file is missing or of another size than the first.
ProblemSet read_split(const std::filesystem::path& folder, data::composite::Split split, int64_t count = 0);

}  // namespace cambium::systems::sam_adapter::demo
