#pragma once
// Image-text shards: tar files in webdataset's layout, as RedCaps' and img2dataset's tools write them. Members with one
// stem are a sample: a picture (jpg, jpeg, png, webp, gif, bmp) and its words (json with a caption field, or txt).
//
// As in MERU's loader: rank r of w reads every w-th of the sorted shards; the shards are shuffled, and the samples pass
// a shuffle buffer (a random one is given, the last takes its place). Unlike there, every pass has an order of its own
// (StreamOptions::replay_order brings the original's back), and the buffer holds places in files, not pictures, so that
// saving and restoring a position touches no picture.
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "io/tar.h"

namespace cambium::data {

struct ShardOptions {
  std::string caption_field = "caption";  // of the json member
  std::vector<std::string> extra_fields =
      {};  // more texts of the json member (a text or a list of them), for Sample::extra
  std::string subreddit_field = "subreddit";  // of the json member; may be absent
  bool skip_damaged = false;  // a damaged shard is left at the damage with a warning, instead of an error
};

// Paths and glob patterns (*, ?, [..], {..}; ~ is the home folder), several in one string where spaces part them and no
// file of that name exists. Sorted, each file once. Error where a pattern matches nothing.
std::vector<std::filesystem::path> expand_globs(const std::vector<std::string>& patterns);

class ImageTextShards : public Dataset {
 public:
  // Opens the first shard and checks that its first sample has picture and words: a wrong folder or field is found
  // before the first step.
  explicit ImageTextShards(const std::vector<std::string>& patterns, ShardOptions options = {});

  // Error where there are fewer shards than ranks.
  std::unique_ptr<Cursor> cursor(const StreamOptions& options) const override;
  // Error, naming shard and member: no picture, no words, words that are not UTF-8, damaged shard.
  Sample fetch(const Ticket& ticket) const override;
  std::string fingerprint() const override { return fingerprint_; }

  const std::vector<std::filesystem::path>& shards() const { return set_->paths; }

  // The shards, kept open a few at a time.
  struct Set {
    std::vector<std::filesystem::path> paths;
    ShardOptions options;
    std::shared_ptr<const io::TarFile> open(int64_t shard) const;

   private:
    mutable std::mutex mutex_;
    mutable std::vector<std::pair<int64_t, std::shared_ptr<const io::TarFile>>> opened_;  // the latest used at the end
  };

 private:
  std::shared_ptr<Set> set_;  // shared with the cursors
  std::string fingerprint_;
};

}  // namespace cambium::data
