#include "cutouts.h"

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/progress.h"
#include "cutout_sources.h"
#include "io/tar.h"

namespace cambium::prepare {
namespace {

namespace fs = std::filesystem;

class Shard {
 public:
  Shard(const fs::path& file, const char* title) : tar_(file), progress_(title, 0, "pictures") {}

  void add(const data::composite::PictureInfo& info, const std::string& ending, const std::string& bytes) {
    const nlohmann::ordered_json text = {
        {"set", info.set}, {"licence", info.licence}, {"split", to_string(info.split)}};
    tar_.add(info.name + ending, bytes);
    tar_.add(info.name + ".json", text.dump());
    ++counts_[info.set.substr(0, info.set.find('/'))];
    progress_.update(++count_);
  }
  void commit() {
    progress_.finish();
    tar_.commit();
  }
  const std::map<std::string, int64_t>& counts() const { return counts_; }

 private:
  io::TarWriter tar_;
  Progress progress_;
  std::map<std::string, int64_t> counts_;
  int64_t count_ = 0;
};

}  // namespace

void prepare_cutouts(const fs::path& downloads, const fs::path& out) {
  AtomicDirectory directory(out);
  Shard objects(directory.temporary() / "objects.tar", "objects");
  const auto object = [&](const data::composite::PictureInfo& info, const io::Image& image) {
    objects.add(info, ".png", io::encode_png(image));
  };
  read_tuxpaint(downloads, object);
  read_fluent(downloads, object);
  read_openclipart(downloads, object);
  objects.commit();

  Shard backgrounds(directory.temporary() / "backgrounds.tar", "backgrounds");
  const auto background = [&](const data::composite::PictureInfo& info, const io::Image& image) {
    backgrounds.add(info, ".jpg", io::encode_jpeg(image, 95));
  };
  read_openarena(downloads, background);
  read_mate(downloads, background);
  read_opencv(downloads, background);
  read_scikit_image(downloads, background);
  backgrounds.commit();

  std::string text =
      "# Where these pictures come from\n\nPrepared by cambium-prepare; each picture's JSON names its set, licence and "
      "split.\n\n";
  for (const Source& source : sources()) {
    int64_t count = 0;
    for (const auto* shard : {&objects, &backgrounds}) {
      const auto found = shard->counts().find(source.set);
      if (found != shard->counts().end()) count += found->second;
    }
    text += std::string("- ") + source.set + ": " + std::to_string(count) + " pictures of " + source.package + ", " +
            source.licence + ". " + source.note + "\n";
  }
  write_file(directory.temporary() / "SOURCES.md", text);
  directory.commit();
}

}  // namespace cambium::prepare
