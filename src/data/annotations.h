#pragma once
// Captioned pictures for retrieval: COCO's annotation files and Karpathy's splits.
#include <filesystem>
#include <memory>
#include <string>

#include "data/image_list.h"

namespace cambium::data {

// COCO's captions_*.json: {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}. Pictures lie in
// `images`, come in the order in which the annotations first name them, and keep all their captions in the annotations'
// order (MERU's evaluation). The key is the image id.
// Error for another shape of JSON, for unknown image ids, and for missing pictures, listed.
std::shared_ptr<const ImageList> open_coco_captions(const std::filesystem::path& annotations,
                                                    const std::filesystem::path& images);

// Karpathy's dataset_*.json: {"images": [{"split", "filename", "filepath"?, "sentences": [{"raw"}]}]}: the pictures of
// one split ("test") in the file's order, with all their sentences. The key is the file name.
std::shared_ptr<const ImageList> open_karpathy_captions(const std::filesystem::path& annotations,
                                                        const std::filesystem::path& images, const std::string& split);

}  // namespace cambium::data
