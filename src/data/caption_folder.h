#pragma once
// A plain folder of pictures with a table of captions: one's own data, without sharding first.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/image_list.h"

namespace cambium::data {

struct CaptionFolderOptions {
  std::filesystem::path table = {};             // .csv, .tsv or .jsonl; empty: captions.* or metadata.* in the folder
  std::string image_column = "image";           // a path, relative to the folder
  std::string caption_column = "caption";       // must have a text in every row
  std::vector<std::string> extra_columns = {};  // more texts, for Sample::extra; may be empty, in JSON Lines a list
  bool skip_damaged = false;                    // leave bad rows out with one warning
};

// Rows of one picture add up: all their texts are the picture's, of which training draws one each time. The whole table
// is checked first: Error that lists unreadable rows, empty captions and missing or empty picture files with their
// lines.
std::shared_ptr<const ImageList> open_caption_folder(const std::filesystem::path& folder,
                                                     const CaptionFolderOptions& options = {});

}  // namespace cambium::data
