#include "support/source_dir.h"

namespace cambium::test {

std::filesystem::path source_dir() { return CAMBIUM_SOURCE_DIR; }

}  // namespace cambium::test
