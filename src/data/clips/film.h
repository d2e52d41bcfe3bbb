#pragma once
// Films of any kind as frames on an even grid of times: video files, animated WebP and GIF, folders of numbered
// pictures.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "io/image.h"

namespace cambium::data {

// Frame i of a film is what it shows in the middle of [i / fps, (i + 1) / fps), so that an animation's holds are
// several frames.
struct Timeline {
  double fps = 0;                  // frames a second
  int64_t frames = 0;              // of the grid
  std::vector<double> times = {};  // when each of the film's own frames begins, in seconds; rising

  // Which of the film's own frames frame i of the grid is.
  int64_t shown(int64_t i) const;
};

// Reads the times (of a video from its packets, of an animation from its headers: nothing is decoded).
// `fps`: of a folder its rate, which it must have; of another film the grid's, where its own rate is not even or not
// wanted.
// Error, one sentence that names the file: no film, no frames, an uneven rate without `fps`, a folder without `fps` or
// without pictures.
Timeline timeline_of(const std::filesystem::path& film, std::optional<double> fps = {});

// The rate of a film whose frames begin at `times` and that ends at `end`: every frame lasts a whole number of periods,
// give or take a third of one. Nothing where the rate is uneven.
std::optional<double> even_rate(std::span<const double> times, double end);

// Frames of the grid, `indices` not falling, each of the film's own frames decoded once, as RGB, and handed to
// `prepare` at once, so that no more than its results are held.
// Error naming the file where it cannot be decoded or has fewer frames than it had.
std::vector<io::Image> read_frames(const std::filesystem::path& film, const Timeline& timeline,
                                   std::span<const int64_t> indices,
                                   const std::function<io::Image(const io::Image&)>& prepare);

}  // namespace cambium::data
