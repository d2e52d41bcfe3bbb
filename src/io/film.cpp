#include "io/film.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/animation.h"
#include "io/image_tensor.h"
#include "io/video.h"

namespace cambium::io {
namespace fs = std::filesystem;

class FilmWriter::Format {
 public:
  virtual ~Format() = default;
  virtual void add(const Image& frame, double time) = 0;
  virtual void finish(double end) = 0;
};

namespace {

std::string lower_ending(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending;
}

// The encoder is made with the first frame, whose size it needs.
class VideoFilm : public FilmWriter::Format {
 public:
  VideoFilm(fs::path path, const FilmOptions& options, VideoCodec codec)
      : path_(std::move(path)), fps_(options.fps), codec_(codec) {}

  void add(const Image& frame, double time) override {
    if (!writer_) {
      // VP9 looks as H.264 does at its 20 from about 30 on.
      writer_.emplace(path_, VideoWriterOptions{.width = frame.width,
                                                .height = frame.height,
                                                .frames_per_second = fps_,
                                                .quality = codec_ == VideoCodec::vp9 ? 28 : 18,
                                                .codec = codec_});
    }
    writer_->add(frame, time);
  }
  void finish(double) override { writer_->finish(); }

 private:
  fs::path path_;
  double fps_;
  VideoCodec codec_;
  std::optional<VideoWriter> writer_;
};

class WebpFilm : public FilmWriter::Format {
 public:
  WebpFilm(fs::path path, const FilmOptions& options)
      : path_(std::move(path)), options_{.lossless = options.lossless, .loops = options.loops} {}

  void add(const Image& frame, double time) override {
    if (!encoder_) encoder_.emplace(frame.width, frame.height, options_);
    encoder_->add(frame, time);
  }
  void finish(double end) override { write_file(path_, encoder_->finish(end)); }

 private:
  fs::path path_;
  AnimatedWebpOptions options_;
  std::optional<AnimatedWebpEncoder> encoder_;
};

class GifFilm : public FilmWriter::Format {
 public:
  GifFilm(fs::path path, const FilmOptions& options) : path_(std::move(path)), loops_(options.loops) {}
  void add(const Image& frame, double time) override { frames_.push_back({frame, time}); }
  void finish(double end) override { write_file(path_, encode_animated_gif(frames_, end, loops_)); }

 private:
  fs::path path_;
  int64_t loops_;
  std::vector<VideoFrame> frames_;
};

class SheetFilm : public FilmWriter::Format {
 public:
  SheetFilm(fs::path path, const FilmOptions& options) : path_(std::move(path)), columns_(options.columns) {}
  void add(const Image& frame, double) override { frames_.push_back(frame); }
  void finish(double) override { save_image(path_, contact_sheet(frames_, columns_)); }

 private:
  fs::path path_;
  int64_t columns_;
  std::vector<Image> frames_;
};

class FolderFilm : public FilmWriter::Format {
 public:
  explicit FolderFilm(const fs::path& path) : folder_(path) {}
  void add(const Image& frame, double) override {
    std::string number = std::to_string(count_++);
    number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
    write_file(folder_.temporary() / (number + ".png"), encode_png(frame));
  }
  void finish(double) override { folder_.commit(); }

 private:
  AtomicDirectory folder_;
  int64_t count_ = 0;
};

std::unique_ptr<FilmWriter::Format> make_format(const fs::path& path, const FilmOptions& options) {
  const std::string ending = lower_ending(path);
  if (ending == ".mp4") return std::make_unique<VideoFilm>(path, options, VideoCodec::h264);
  if (ending == ".webm") return std::make_unique<VideoFilm>(path, options, VideoCodec::vp9);
  if (ending == ".gif") return std::make_unique<GifFilm>(path, options);
  if (ending == ".webp") return std::make_unique<WebpFilm>(path, options);
  if (!ending.empty()) return std::make_unique<SheetFilm>(path, options);
  return std::make_unique<FolderFilm>(path.has_filename() ? path : path.parent_path());
}

}  // namespace

void FilmOptions::validate() const {
  if (!(fps > 0) || !std::isfinite(fps))
    throw UsageError({.what = "must be above 0", .field = "fps", .mend = "8 is usual for samples"});
  if (loops < 0 || loops > 65535)
    throw UsageError({.what = "must be within 0 to 65535", .field = "loops", .mend = "0 shows it without end"});
  if (columns < 0) throw UsageError({.what = "must not be negative", .field = "columns", .mend = "0 chooses"});
}

std::string film_endings() { return ".mp4, .webm, .gif, .webp, .png or .jpg (contact sheet), or none (PNG frames)"; }

void check_film_path(const fs::path& path) {
  static constexpr std::array kEndings = {".mp4", ".webm", ".gif", ".webp", ".png", ".jpg", ".jpeg", ""};
  const std::string ending = lower_ending(path);
  if (std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end() && !path.empty()) return;
  throw UsageError({.what = "films are not written as \"" + ending + "\"",
                    .file = path.string(),
                    .mend = "end its name with " + film_endings()});
}

FilmWriter::FilmWriter(const fs::path& path, const FilmOptions& options) : file_(path.string()), fps_(options.fps) {
  options.validate();
  check_film_path(path);
  format_ = make_format(path, options);
}

FilmWriter::~FilmWriter() = default;
FilmWriter::FilmWriter(FilmWriter&&) noexcept = default;

void FilmWriter::add(const Image& frame) {
  if (frames_ == 0) {
    width_ = frame.width;
    height_ = frame.height;
  }
  if (frame.channels != 3 || frame.width != width_ || frame.height != height_) {
    throw Error({.what = "a frame of " + std::to_string(frame.width) + " x " + std::to_string(frame.height) + " x " +
                         std::to_string(frame.channels) + " does not fit a film of " + std::to_string(width_) + " x " +
                         std::to_string(height_) + " x 3",
                 .file = file_,
                 .mend = "give frames of one size"});
  }
  format_->add(frame, static_cast<double>(frames_) / fps_);
  ++frames_;
}

void FilmWriter::finish() {
  if (frames_ == 0) throw Error({.what = "a film without frames is not written", .file = file_, .mend = "add one"});
  format_->finish(static_cast<double>(frames_) / fps_);
}

void write_film(const fs::path& path, const at::Tensor& frames, const FilmOptions& options) {
  if (frames.dim() != 4)
    throw Error({.what = "a film is a tensor [T, 3, H, W], not one of " + std::to_string(frames.dim()) + " dimensions",
                 .file = path.string(),
                 .mend = "give one film"});
  FilmWriter writer(path, options);
  for (int64_t t = 0; t < frames.size(0); ++t) writer.add(from_tensor(frames[t]));
  writer.finish();
}

Image contact_sheet(std::span<const Image> frames, int64_t columns, int64_t gap) {
  if (frames.empty()) throw Error({.what = "a contact sheet needs a frame"});
  const auto count = static_cast<int64_t>(frames.size());
  constexpr int64_t kOneRow = 8;
  if (columns == 0) columns = count <= kOneRow ? count : std::llround(std::ceil(std::sqrt(static_cast<double>(count))));
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns, width = frames[0].width, height = frames[0].height;
  Image sheet(columns * (width + gap) - gap, rows * (height + gap) - gap, 3);
  std::fill(sheet.pixels.begin(), sheet.pixels.end(), uint8_t{255});
  for (int64_t i = 0; i < count; ++i) {
    const Image& frame = frames[static_cast<size_t>(i)];
    if (frame.channels != 3 || frame.width != width || frame.height != height)
      throw Error({.what = "frames of different sizes cannot be one contact sheet"});
    const int64_t left = i % columns * (width + gap), top = i / columns * (height + gap);
    for (int64_t y = 0; y < height; ++y)
      std::memcpy(sheet.row(top + y) + 3 * left, frame.row(y), static_cast<size_t>(3 * width));
  }
  return sheet;
}

}  // namespace cambium::io
