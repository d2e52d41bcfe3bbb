// meru_traversal: image traversals of given embeddings through a given pool, per case and query.
#include <ATen/ATen.h>

#include "models/meru/traversal.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {

Results check_meru_traversal(const Golden& golden) {
  Results results;
  for (const auto& [name, config] : golden.config.at("cases").items()) {
    const at::Tensor& images = golden.tensors.at(name + ".images");
    const at::Tensor& pool = golden.tensors.at(name + ".pool");
    const auto steps = config.at("steps").get<int64_t>();
    const Json& curv = config.at("curv");
    for (int64_t query = 0; query < images.size(0); ++query) {
      const meru::Traversal walk =
          curv.is_null() ? meru::traverse_on_sphere(images[query], pool, golden.tensors.at(name + ".root"), steps)
                         : meru::traverse(images[query], pool, at::scalar_tensor(curv.get<double>(), at::kFloat),
                                          {.steps = steps, .lorentz = {.numerics = meru::Numerics::parity}});
      const std::string prefix = name + "." + std::to_string(query) + ".";
      results.tensors[prefix + "points"] = walk.points;
      results.tensors[prefix + "scores"] = walk.scores;
      results.tensors[prefix + "ids"] = walk.ids;
      results.tensors[prefix + "unique_ids"] = at::tensor(walk.unique_ids, at::kLong);
      results.tensors[prefix + "all_scores"] = walk.all_scores;
    }
  }
  return results;
}

}  // namespace cambium::parity
