// cambium-prepare: turns downloaded packages into the data that the demos train on. Run by scripts/data; the command
// `cambium` never needs it (nor librsvg).
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "emoji.h"

int main(int argc, char** argv) {
  if (argc != 4 || std::strcmp(argv[1], "emoji") != 0) {
    std::fprintf(stderr, "usage: cambium-prepare emoji DOWNLOADS OUT\n");
    return 2;
  }
  try {
    cambium::prepare::prepare_emoji(argv[2], argv[3]);
  } catch (const cambium::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
