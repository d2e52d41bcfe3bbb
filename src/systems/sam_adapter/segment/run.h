#pragma once
// Pictures, folders and videos through a segmenter and onto disk.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "systems/sam_adapter/segment/segmenter.h"
#include "systems/sam_adapter/segment/writer.h"

namespace cambium::systems::sam_adapter {

struct SegmentJob {
  std::vector<std::string> inputs = {};  // pictures, folders of pictures, videos
  SegmentRequest request = {};
  SegmentFormats formats = {};
  std::filesystem::path out = {};
  int64_t every = 1;  // of a video, each so many-th frame
};

struct SegmentedFile {
  std::string file;
  int64_t height = 0, width = 0;
  int64_t frames = 1;
  int64_t segments = 0;  // over all frames
  std::vector<std::string> outputs = {};
};

struct SegmentOutcome {
  std::vector<SegmentedFile> files = {};
  std::vector<std::string> skipped = {};  // one sentence each
  std::vector<std::string> outputs = {};  // of the run as a whole
};

// One input that fails is an Error; of several those that can be segmented are, and the others are said and listed.
// Stops early, with what is done written, where a stop is asked for (core/interrupt.h).
SegmentOutcome segment_files(Segmenter& segmenter, const SegmentJob& job);

}  // namespace cambium::systems::sam_adapter
