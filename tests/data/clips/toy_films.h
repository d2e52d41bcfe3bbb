#pragma once
// Films whose frame i is grey, 10 * (i + 1) of 255: what a frame is can be told after any codec.
#include <cmath>
#include <filesystem>
#include <string>

#include "core/atomic_file.h"
#include "io/animation.h"
#include "io/video.h"

namespace cambium::test {

inline io::Image grey_frame(int64_t index, int64_t width = 32, int64_t height = 16) {
  io::Image image(width, height, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(10 * (index + 1));
  return image;
}

// Which frame a picture was.
inline int64_t frame_number(const io::Image& image) {
  double sum = 0;
  for (const uint8_t value : image.pixels) sum += value;
  return std::llround(sum / static_cast<double>(image.pixels.size()) / 10) - 1;
}

inline void write_video(const std::filesystem::path& path, int64_t frames, double fps) {
  io::VideoWriter writer(path, {.width = 32, .height = 16, .frames_per_second = fps, .quality = 5});
  for (int64_t i = 0; i < frames; ++i) writer.add(grey_frame(i), static_cast<double>(i) / fps);
  writer.finish();
}

// Frames that begin at `times`, the last ending at `end`.
inline void write_animation(const std::filesystem::path& path, const std::vector<double>& times, double end) {
  io::AnimatedWebpEncoder encoder(32, 16, {.lossless = true});
  for (size_t i = 0; i < times.size(); ++i) encoder.add(grey_frame(static_cast<int64_t>(i)), times[i]);
  write_file(path, encoder.finish(end));
}

inline void write_folder(const std::filesystem::path& folder, int64_t frames) {
  for (int64_t i = 0; i < frames; ++i) io::save_image(folder / ("frame_" + std::to_string(i) + ".png"), grey_frame(i));
}

inline std::vector<double> even_times(int64_t frames, double fps) {
  std::vector<double> times;
  for (int64_t i = 0; i < frames; ++i) times.push_back(static_cast<double>(i) / fps);
  return times;
}

}  // namespace cambium::test
