#pragma once
// Films with their words, listed in JSON Lines: {"path", "caption", "fps", ...}. In a CSV or TSV every column that is
// named must be there.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/clips/film.h"
#include "data/dataset.h"

namespace cambium::data {

struct ClipListOptions {
  std::filesystem::path root = {};              // of relative paths; empty: the list's folder
  std::string path_column = "path";             // a video, an animated WebP or GIF, or a folder of numbered frames
  std::string caption_column = "caption";       // JSON Lines may lack it, or hold a list
  std::string fps_column = "fps";               // as for timeline_of; may be lacking
  std::vector<std::string> extra_columns = {};  // more texts, for Sample::extra; may be lacking
  int64_t frames = 8;                           // that a clip will have: shorter films are left out, and counted
  double fps = 0;                               // of such a clip; 0: each film's own rate
  bool skip_damaged = false;                    // leave bad rows out with one warning
  int64_t threads = 1;                          // that read the films' times

  void validate() const;
};

// The last frame of the film's grid at which a clip of `frames` at `fps` (0: the film's own) can begin: the clip's
// frame k is the film's frame round(start + k * film's fps / fps). -1 where the film is too short, or more than a tenth
// slower than `fps`.
int64_t last_start(const Timeline& film, int64_t frames, double fps);

class ClipList : public IndexedDataset {
 public:
  struct Entry {
    std::string key;  // the path as listed
    std::filesystem::path path;
    Timeline timeline = {};
    std::vector<std::string> captions = {};
    std::vector<std::vector<std::string>> extra = {};
  };

  ClipList(std::string source, std::vector<Entry> entries);

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  // Words and path; the frames are read by the mapper (data/clips/clip.h), so that `image` stays empty.
  Sample get(int64_t index) const override;
  std::string fingerprint() const override { return fingerprint_; }

  const std::string& source() const { return source_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::string source_;
  std::vector<Entry> entries_;
  std::string fingerprint_;
};

// The films of a folder, by name: videos, animations, and folders of frames, which `folder_fps` gives their rate.
std::shared_ptr<const ClipList> open_clip_folder(const std::filesystem::path& folder,
                                                 const ClipListOptions& options = {},
                                                 std::optional<double> folder_fps = {});

// Every row and every film's times are checked first: Error that lists what is wrong, by line. Error where no film is
// long enough. A warning says how many are too short.
std::shared_ptr<const ClipList> open_clip_list(const std::filesystem::path& list, const ClipListOptions& options = {});

}  // namespace cambium::data
