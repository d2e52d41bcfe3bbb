#pragma once
#include <filesystem>
#include <string>

namespace cambium::clip {

// The first lines of bpe_simple_vocab_16e6.txt, gzipped or not: at least as many as the header and the merges are.
// Error naming the file where it cannot be read or is torn.
std::string read_merges(const std::filesystem::path& path);

}  // namespace cambium::clip
