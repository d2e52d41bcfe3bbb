#pragma once
// Videos through FFmpeg's libraries: decoded frame by frame with their times, and encoded as H.264 in MP4 or VP9 in
// WebM.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "io/image.h"

namespace cambium::io {

struct VideoFrame {
  Image image;      // RGB, turned as the file's display matrix says
  double time = 0;  // seconds from the start
};

struct VideoInfo {
  int64_t width = 0, height = 0;  // of the frames as given, in pixels
  double frames_per_second = 0;   // on average; 0 where the file does not say
  double seconds = 0;             // 0 where the file does not say
  int64_t frames = 0;             // an estimate where the file does not say; 0 if there is none
};

// Endings of video files (".mp4", ".mov", ...); case is ignored.
bool has_video_extension(const std::filesystem::path& path);

// Reads the first video stream. Errors, one sentence each: not there, no video in it, a codec that FFmpeg lacks here,
// corrupt.
class VideoReader {
 public:
  explicit VideoReader(const std::filesystem::path& path);
  ~VideoReader();
  VideoReader(VideoReader&&) noexcept;

  const VideoInfo& info() const;
  // The next frame in the order they are shown; none at the end.
  std::optional<VideoFrame> next();
  // Goes to a frame that can be decoded alone at or before `seconds`, as the container finds it: compare the time of
  // the next frame. A container that cannot seek goes on where it is.
  void seek(double seconds);
  // When each frame is shown, in seconds from the start, rising: from the packets, read to the end but not decoded.
  std::vector<double> packet_times();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The packet times of a whole file. Error as of VideoReader, and where there is no frame.
std::vector<double> video_frame_times(const std::filesystem::path& path);

enum class VideoCodec { h264, vp9 };

struct VideoWriterOptions {
  int64_t width = 0, height = 0;  // pixels; an odd side loses its last row or column, as 4:2:0 chroma wants
  double frames_per_second = 25;  // what the file announces; frames keep their own times
  int quality = 20;               // constant rate factor: 0 best; H.264 to 51, where 18 looks lossless; VP9 to 63
  VideoCodec codec = VideoCodec::h264;
};

// An MP4 or WebM that appears whole under its name at finish(), or not at all.
class VideoWriter {
 public:
  VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;

  // RGB of the options' size; times in seconds, rising.
  void add(const Image& image, double time);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cambium::io
