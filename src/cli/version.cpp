#include <torch/headeronly/version.h>

#include "cli/commands.h"
#include "core/device.h"

namespace cambium::cli {

std::string version_text() {
  const c10::Device device = resolve_device("auto");
  return std::string("cambium ") + CAMBIUM_VERSION + "\nLibTorch " TORCH_VERSION +
         (device.is_cuda() ? ", CUDA" : ", CPU") + "\nprocessor: " + describe(cpu_features()) +
         "\n--device auto: " + device.str() + "\n--dtype auto: " + explain_dtype(device);
}

}  // namespace cambium::cli
