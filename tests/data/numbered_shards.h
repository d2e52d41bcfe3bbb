#pragma once
// Shards of numbered samples for the stream tests: "pictures" are short texts, so that no decoder is needed.
#include <filesystem>
#include <string>

#include "io/tar.h"

namespace cambium::data::test {

// Shard s holds samples named s_i with the picture "picture s_i" and {"caption": "words s_i", "subreddit": "cats"}.
inline void write_shard(const std::filesystem::path& path, int64_t shard, int64_t samples) {
  io::TarWriter tar(path);
  for (int64_t i = 0; i < samples; ++i) {
    const std::string name = std::to_string(shard) + "_" + std::to_string(i);
    tar.add(name + ".jpg", "picture " + name);
    tar.add(name + ".json", R"({"caption": "words )" + name + R"(", "subreddit": "cats"})");
  }
  tar.commit();
}

// Shards of slightly different sizes; their total is shards * samples + shards * (shards - 1) / 2.
inline void write_shards(const std::filesystem::path& folder, int64_t shards, int64_t samples) {
  for (int64_t s = 0; s < shards; ++s) write_shard(folder / ("shard" + std::to_string(s) + ".tar"), s, samples + s);
}

}  // namespace cambium::data::test
