#include "systems/sam_adapter/demo/problem_sets.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "core/random.h"
#include "data/composite/shadow.h"
#include "io/image_tensor.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

namespace fs = std::filesystem;
using data::composite::MaskedPicture;
using data::composite::Split;
using data::composite::StockPicture;

const StockPicture& draw(const std::vector<StockPicture>& pictures, Rng& rng) {
  return pictures[static_cast<size_t>(rng.below(static_cast<int64_t>(pictures.size())))];
}

MaskedPicture compose(Problem problem, const std::vector<StockPicture>& objects,
                      const std::vector<StockPicture>& backgrounds, int64_t side, Rng& rng) {
  constexpr int kTries = 1000;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const io::Image& object = draw(objects, rng).image;
    const io::Image& background = draw(backgrounds, rng).image;
    if (problem == Problem::camouflage) return data::composite::camouflage(object, background, {.side = side}, rng);
    if (auto shadow = data::composite::cast_shadow(object, background, {.side = side}, rng)) return *shadow;
  }
  throw Error({.what = "no shadow could be seen in " + std::to_string(kTries) + " pictures",
               .mend = "give lighter backgrounds"});
}

std::string file_name(int64_t index) {
  const std::string number = std::to_string(index + 1);
  return std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number + ".png";
}

}  // namespace

std::string to_string(Problem problem) { return problem == Problem::camouflage ? "camouflage" : "shadow"; }

void compose_problem(Problem problem, const fs::path& pictures, const fs::path& folder, const SetSizes& sizes,
                     int64_t side, uint64_t seed) {
  AtomicDirectory directory(folder);
  Progress progress("composing " + to_string(problem), sizes.train + sizes.validation + sizes.test, "pictures");
  int64_t done = 0;
  for (const auto& [split, count] :
       {std::pair{Split::train, sizes.train}, {Split::validation, sizes.validation}, {Split::test, sizes.test}}) {
    const std::string name = data::composite::to_string(split);
    // Photographs' outlines, not drawings: the foundation has seen the drawings.
    const auto objects = data::composite::read_objects(pictures, [&, split = split](const auto& info) {
      return info.split == split && info.set != "fluent" && info.set != "openclipart";
    });
    const auto backgrounds = data::composite::read_backgrounds(
        pictures, [&, split = split](const auto& info) { return info.split == split; });
    fs::create_directories(directory.temporary() / name / "images");
    fs::create_directories(directory.temporary() / name / "masks");
    for (int64_t i = 0; i < count; ++i) {
      Rng rng(mix_seed(mix_seed(seed, to_string(problem)), name, static_cast<uint64_t>(i)));
      const MaskedPicture made = compose(problem, objects, backgrounds, side, rng);
      // Fast rather than small: they are read once.
      const auto write = [&](const char* kind, const at::Tensor& tensor) {
        write_file(directory.temporary() / name / kind / file_name(i),
                   io::encode_png(io::from_tensor(tensor), {.level = 1}));
      };
      write("images", made.image);
      write("masks", made.mask.to(at::kFloat));
      progress.update(++done);
    }
  }
  progress.finish();
  directory.commit();
}

ProblemSet compose_examples(Problem problem, const fs::path& pictures, const data::composite::PictureFilter& objects,
                            const data::composite::PictureFilter& backgrounds, int64_t count, int64_t side,
                            uint64_t seed) {
  const auto cutouts = data::composite::read_objects(pictures, objects);
  const auto grounds = data::composite::read_backgrounds(pictures, backgrounds);
  std::vector<at::Tensor> images, masks;
  for (int64_t i = 0; i < count; ++i) {
    Rng rng(mix_seed(seed, to_string(problem) + " examples", static_cast<uint64_t>(i)));
    const MaskedPicture made = compose(problem, cutouts, grounds, side, rng);
    images.push_back((made.image * 255).round_().to(at::kByte));
    masks.push_back(made.mask.squeeze(0));
  }
  return {.images = at::stack(images), .masks = at::stack(masks)};
}

ProblemSet read_split(const fs::path& folder, Split split, int64_t count) {
  const fs::path root = folder / data::composite::to_string(split);
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(root / "images")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  if (count > 0 && count < static_cast<int64_t>(names.size())) names.resize(static_cast<size_t>(count));
  if (names.empty()) throw Error({.what = "holds no pictures", .file = root.string(), .mend = "run the demo anew"});
  std::vector<at::Tensor> images, masks;
  for (const fs::path& name : names) {
    images.push_back(io::to_tensor(io::to_rgb(io::load_image(root / "images" / name))));
    masks.push_back(io::to_tensor(io::to_grey(io::load_image(root / "masks" / name))).squeeze(0).gt(127));
    if (images.back().sizes() != images.front().sizes() || masks.back().sizes() != masks.front().sizes()) {
      throw Error({.what = "is of another size than the first picture", .file = (root / "images" / name).string()});
    }
  }
  return {.images = at::stack(images), .masks = at::stack(masks)};
}

}  // namespace cambium::systems::sam_adapter::demo
