#pragma once
// One example as it lies in its file: encoded picture, words, label. Decoding is the mapper's work (data/loader.h).
#include <cstdint>
#include <string>
#include <vector>

namespace cambium::data {

struct Sample {
  int64_t index = -1;                      // row of an indexed dataset; -1 for shards
  std::string key = {};                    // stem in the shard, path in the folder, image id of the annotations
  std::string source = {};                 // where the picture is, for errors: "shard.tar: 0001.jpg" or a path
  std::string image = {};                  // the encoded file (JPEG, PNG, WebP, ...); never empty for a picture dataset
  std::string mask = {};                   // the encoded mask of a segmentation set; empty elsewhere
  std::string mask_source = {};            // where it is
  std::vector<std::string> captions = {};  // UTF-8; empty for labelled sets
  std::vector<std::vector<std::string>> extra = {};  // texts of each further field that was asked for, maybe none
  std::string subreddit = {};                        // RedCaps; "" elsewhere
  int64_t label = -1;                                // class index, or -1
};

}  // namespace cambium::data
