#pragma once
// Private to data/clips/film.cpp: one reader a kind of film.
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "io/video.h"

namespace cambium::data {

// When a film's frames begin and when it ends, in seconds. A folder's frames have numbers and no times.
struct FilmTimes {
  std::vector<double> times;
  double end = 0;
  int64_t numbered = 0;  // pictures of a folder
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;
  // The next frame, RGB; none at the end.
  virtual std::optional<io::VideoFrame> next() = 0;
  // Skips to a place at or before `seconds` where that is quicker than reading on.
  virtual void seek(double) {}
};

// Error where there is nothing, or no film.
FilmTimes film_times(const std::filesystem::path& film);
// `fps`: a folder's rate.
std::unique_ptr<FrameSource> open_frame_source(const std::filesystem::path& film, double fps);

// The pictures of a folder by the last number in their names ("frame_7.png" before "frame_10.png"), then by name.
std::vector<std::filesystem::path> numbered_pictures(const std::filesystem::path& folder);

}  // namespace cambium::data
