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
    std::string key;  // as the dataset names it: relative path or image id
    std::filesystem::path path;
    std::vector<std::string> captions = {};
    std::vector<std::vector<std::string>> extra = {};
    int64_t label = -1;
  };
  // What a list is made of.
  struct Contents {
    std::string source;  // the file or folder it comes from
    std::vector<Entry> entries;
    std::vector<std::string> class_names = {};
  };

  // Error where there are no entries.
  explicit ImageList(Contents contents);

  int64_t size() const override { return static_cast<int64_t>(contents_.entries.size()); }
  // Reads the file; Error naming it.
  Sample get(int64_t index) const override;
  std::string fingerprint() const override { return fingerprint_; }

  const std::string& source() const { return contents_.source; }
  const std::vector<Entry>& entries() const { return contents_.entries; }
  // In the labels' order; empty for captions.
  const std::vector<std::string>& class_names() const { return contents_.class_names; }

 private:
  Contents contents_;
  std::string fingerprint_;
};

}  // namespace cambium::data
