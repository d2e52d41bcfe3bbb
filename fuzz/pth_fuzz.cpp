#include "core/error.h"
#include "io/pth.h"
#include "touch.h"

// A whole file: zip, legacy or TorchScript. Any exception but Error is a crash.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cambium;
  try {
    const auto file = io::PthFile::parse(io::copy_bytes({reinterpret_cast<const char*>(bytes), size}), "input");
    for (const auto& [key, value] : file.root().entries) io::describe(*value);
    fuzz::touch(file.state_dict());
  } catch (const Error&) {
  }
  return 0;
}
