#pragma once
// Pictures as files, with captions or labels: what folders, tables and annotation files come down to.
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cambium::data {

class ImageList : public IndexedDataset {
 public:
  struct Entry {
    std::string key;             // as the dataset names it: relative path or image id
    std::filesystem::path path;
    std::vector<std::string> captions = {};
    int64_t label = -1;
  };

  // `source` is the file or folder the list comes from. Error where it is empty.
  ImageList(std::string source, std::vector<Entry> entries, std::vector<std::string> class_names = {});

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  // Reads the file; Error naming it.
  Sample get(int64_t index) const override;
  std::string fingerprint() const override { return fingerprint_; }

  const std::string& source() const { return source_; }
  const std::vector<Entry>& entries() const { return entries_; }
  // In the labels' order; empty for captions.
  const std::vector<std::string>& class_names() const { return class_names_; }

 private:
  std::string source_;
  std::vector<Entry> entries_;
  std::vector<std::string> class_names_;
  std::string fingerprint_;
};

}  // namespace cambium::data
