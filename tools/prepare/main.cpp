// cambium-prepare: turns downloaded packages into the data that the demos train on. Run by scripts/data; the command
// `cambium` never needs it (nor librsvg).
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

#include "animations.h"
#include "core/error.h"
#include "cutouts.h"
#include "efficientnet.h"
#include "emoji.h"

int main(int argc, char** argv) {
  using Prepare = void (*)(const std::filesystem::path&, const std::filesystem::path&);
  const std::map<std::string, Prepare> sets = {{"emoji", cambium::prepare::prepare_emoji},
                                               {"cutouts", cambium::prepare::prepare_cutouts},
                                               {"animations", cambium::prepare::prepare_animations},
                                               {"efficientnet", cambium::prepare::prepare_efficientnet}};
  const auto set = argc == 4 ? sets.find(argv[1]) : sets.end();
  if (set == sets.end()) {
    std::fprintf(stderr, "usage: cambium-prepare emoji|cutouts|animations|efficientnet DOWNLOADS OUT\n");
    return 2;
  }
  try {
    set->second(argv[2], argv[3]);
  } catch (const cambium::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
