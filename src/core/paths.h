#pragma once
// Where things are: the cache of downloads and prepared data, and the assets that ship with the program.
#include <filesystem>
#include <string>

namespace cambium {

// $CAMBIUM_CACHE, else ~/.cache/cambium.
std::filesystem::path cache_dir();

// A file under assets/ or recipes/ ("assets/bpe_simple_vocab_16e6.txt.gz"): $CAMBIUM_SHARE, the installed share/cambium
// beside the binary's bin/, or the source tree the binary was built from. Error if it is in none of them.
std::filesystem::path shared_file(const std::string& relative);

}  // namespace cambium
