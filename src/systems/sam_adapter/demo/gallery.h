#pragma once
// Pictures that show what the numbers mean.
#include <vector>

#include "report/html.h"
#include "systems/sam_adapter/demo/evaluation.h"

namespace cambium::systems::sam_adapter::demo {

// One picture as a row of tiles: the picture, the truth, then every method's answer (probability above 0.5) tinted on
// it. image u8 [3, S, S], masks bool [S, S] each -> u8 [3, S, tiles * S and the gaps]
at::Tensor strip(const at::Tensor& image, const std::vector<at::Tensor>& masks);

// Rows of the test split: `places` are positions in it. Captions give the measure of each method shown.
std::vector<report::Picture> strips(const ProblemSet& test, const ProblemResult& result,
                                    const std::vector<Method>& methods, const std::vector<int64_t>& places);

// The same rows in one picture, u8 [3, H, W].
at::Tensor sheet(const ProblemSet& test, const ProblemResult& result, const std::vector<Method>& methods,
                 const std::vector<int64_t>& places);

// Positions by the pictures' IoU: evenly spaced from the best to the worst, or the worst alone.
std::vector<int64_t> evenly_by_score(const Evaluation& evaluation, int64_t count);
std::vector<int64_t> worst_by_score(const Evaluation& evaluation, int64_t count);

}  // namespace cambium::systems::sam_adapter::demo
