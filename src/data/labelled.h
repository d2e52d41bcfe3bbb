#pragma once
// Labelled pictures for evaluation: the ImageFolder layout and tables of path and label.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/image_list.h"

namespace cambium::data {

// Names of classes in the labels' order: a text file with one a line, or JSON, either a list or an object from folder
// (or label) to name, whose keys in sorted order are the labels. `keys` gets the object's keys, else stays empty. Error
// for empty files, empty names, and text that is not UTF-8.
std::vector<std::string> read_class_names(const std::filesystem::path& path, std::vector<std::string>* keys = nullptr);

// root/CLASS/**/picture: labels are the places of the sorted folder names, as in torchvision's ImageFolder. Names come
// from `names` (a list as long as there are folders, or an object by folder name), else they are the folders' with '_'
// as space. Error listing empty class folders; Error where there is no class folder or the names do not fit.
std::shared_ptr<const ImageList> open_image_folder(const std::filesystem::path& root,
                                                   const std::filesystem::path& names = {});

struct LabelTableOptions {
  std::filesystem::path root = {};   // of relative picture paths; empty: the table's folder
  std::filesystem::path names = {};  // class names; empty: the table's labels, sorted
  std::string image_column = "path";
  std::string label_column = "label";  // a class's name (or key), or its number from 0
};

// Error that lists bad rows, unknown labels and missing pictures with their lines.
std::shared_ptr<const ImageList> open_label_table(const std::filesystem::path& table,
                                                  const LabelTableOptions& options = {});

}  // namespace cambium::data
