#pragma once
// A folder as `cambium-prepare cutouts` writes it, with a few pictures made by rule, in every split.
#include <filesystem>

#include "data/composite/toy_pictures.h"
#include "io/tar.h"

namespace cambium::systems::sam_adapter {

inline void write_toy_cutouts(const std::filesystem::path& folder) {
  using namespace data::composite;
  const auto json = [](const char* split, const char* licence) {
    return std::string(R"({"set": "toys", "licence": ")") + licence + R"(", "split": ")" + split + R"("})";
  };
  io::TarWriter objects(folder / "objects.tar"), backgrounds(folder / "backgrounds.tar");
  const std::array<std::array<uint8_t, 3>, 3> colours = {{{220, 40, 40}, {40, 60, 220}, {40, 200, 60}}};
  int64_t number = 0;
  for (const char* split : {"train", "validation", "test"}) {
    for (const char* licence : {"MIT", "GPL-2"}) {
      const std::string name = std::string("toys/") + std::to_string(number);
      objects.add(name + ".png", io::encode_png(disc(30 + 6 * number, colours[static_cast<size_t>(number) % 3])));
      objects.add(name + ".json", json(split, licence));
      backgrounds.add(name + ".png", io::encode_png(stripes(80 + number, 70, static_cast<uint8_t>(90 + 10 * number))));
      backgrounds.add(name + ".json", json(split, licence));
      ++number;
    }
  }
  objects.commit();
  backgrounds.commit();
}

}  // namespace cambium::systems::sam_adapter
