#pragma once
// Films as files for people: videos, animated pictures, folders of frames, contact sheets, by the ending of their name.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "io/image.h"

namespace cambium::io {

struct FilmOptions {
  double fps = 8;         // frames a second
  int64_t loops = 0;      // GIF and WebP: how often it is shown; 0: without end
  bool lossless = false;  // WebP
  int64_t columns = 0;    // contact sheet: frames a row; 0: all of up to 8, else about a square

  void validate() const;
};

// The endings that can be written, for messages: ".mp4, .webm, .gif, ...".
std::string film_endings();
// UsageError where the path's ending is none of them.
void check_film_path(const std::filesystem::path& path);

// Writes a film frame by frame: NAME.mp4 (H.264), NAME.webm (VP9), NAME.gif, NAME.webp (animated), NAME.png or .jpg (a
// contact sheet), or, without an ending, a folder of PNG frames 0000.png, 0001.png, ... It appears whole at finish(),
// or not at all. Videos lose the last row or column of an odd side; GIFs and contact sheets hold their frames in
// memory.
class FilmWriter {
 public:
  // UsageError for another ending or options out of range.
  FilmWriter(const std::filesystem::path& path, const FilmOptions& options);
  ~FilmWriter();
  FilmWriter(FilmWriter&&) noexcept;

  // RGB, all of one size; Error naming the file otherwise.
  void add(const Image& frame);
  // Error where there were no frames.
  void finish();

  // What each format does; private to io/film.cpp.
  class Format;

 private:
  std::string file_;
  std::unique_ptr<Format> format_;
  double fps_;
  int64_t width_ = 0, height_ = 0, frames_ = 0;
};

// frames: [T, 3, H, W], u8 or floating point in [0, 1].
void write_film(const std::filesystem::path& path, const at::Tensor& frames, const FilmOptions& options = {});

// Frames side by side in rows of `columns` (0: as FilmOptions), `gap` white pixels apart. RGB of one size; Error
// otherwise, or for none.
Image contact_sheet(std::span<const Image> frames, int64_t columns = 0, int64_t gap = 2);

}  // namespace cambium::io
