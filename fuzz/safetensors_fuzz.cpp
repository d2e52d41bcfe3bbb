#include "core/error.h"
#include "io/safetensors.h"
#include "touch.h"

// A file's bytes. Any exception but Error is a crash.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cambium;
  try {
    fuzz::touch(io::parse_safetensors(io::copy_bytes({reinterpret_cast<const char*>(bytes), size}), "input"));
  } catch (const Error&) {
  }
  return 0;
}
