#pragma once
// Where the tests find the repository's files.
#include <filesystem>

namespace cambium::test {

// The checkout that the tests were built from.
std::filesystem::path source_dir();

}  // namespace cambium::test
