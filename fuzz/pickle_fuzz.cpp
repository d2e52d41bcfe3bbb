#include "core/error.h"
#include "io/pickle.h"

// The bytes of a pickle, without the container that would shield it. Any exception but Error is a crash.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cambium;
  try {
    const std::string source = "input";
    size_t position = 0;
    const auto tree = io::parse_pickle({reinterpret_cast<const char*>(bytes), size}, position, source);
    io::describe(*tree.root);
  } catch (const Error&) {
  }
  return 0;
}
