// Runs a harness once over every file of the folders given: what libFuzzer does when it is given files, for compilers
// that have no libFuzzer.
#include <cstdint>
#include <filesystem>
#include <iostream>

#include "core/atomic_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

int main(int count, char** folders) {
  namespace fs = std::filesystem;
  int files = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : fs::recursive_directory_iterator(folders[i])) {
      if (!entry.is_regular_file()) continue;
      const std::string bytes = cambium::read_file(entry.path());
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      ++files;
    }
  }
  std::cout << files << " inputs replayed\n";
  return files > 0 ? 0 : 1;
}
