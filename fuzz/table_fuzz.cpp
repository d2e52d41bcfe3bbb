#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "core/error.h"
#include "io/table.h"

// The first byte chooses the format, the rest is the table. Any exception but Error is a crash, and so is a row with
// neither a fault nor the cells asked for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cambium;
  if (size == 0) return 0;
  static const std::string path = "/dev/shm/cambium-table-fuzz-" + std::to_string(getpid());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes + 1), static_cast<std::streamsize>(size - 1));
  try {
    io::TableReader reader(path, static_cast<io::TableFormat>(bytes[0] % 3), {"image", "caption"}, {"keywords"});
    int64_t line = 0;
    for (io::TableRow row; reader.next(row); line = row.line) {
      if (row.line <= line || row.cells.size() != (row.fault.empty() ? 3u : 0u)) std::abort();
    }
  } catch (const Error&) {
  }
  std::filesystem::remove(path);
  return 0;
}
