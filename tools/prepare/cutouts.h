#pragma once
#include <filesystem>

namespace cambium::prepare {

// From the packages in `downloads` (see scripts/data): objects.tar (RGBA, PNG) and backgrounds.tar (RGB, JPEG), each
// picture with its set, licence and split (data/composite/pictures.h), and SOURCES.md. `out` appears whole.
void prepare_cutouts(const std::filesystem::path& downloads, const std::filesystem::path& out);

}  // namespace cambium::prepare
