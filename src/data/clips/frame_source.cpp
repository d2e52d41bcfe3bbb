#include "data/clips/frame_source.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/error.h"
#include "io/animation.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

class Video : public FrameSource {
 public:
  explicit Video(const fs::path& path) : reader_(path) {}
  std::optional<io::VideoFrame> next() override { return reader_.next(); }
  void seek(double seconds) override { reader_.seek(seconds); }

 private:
  io::VideoReader reader_;
};

class Animation : public FrameSource {
 public:
  explicit Animation(const fs::path& path) : reader_(path) {}
  std::optional<io::VideoFrame> next() override { return reader_.next(); }

 private:
  io::AnimationReader reader_;
};

class Folder : public FrameSource {
 public:
  Folder(const fs::path& path, double fps) : pictures_(numbered_pictures(path)), fps_(fps) {}

  std::optional<io::VideoFrame> next() override {
    if (place_ >= pictures_.size()) return std::nullopt;
    const double time = static_cast<double>(place_) / fps_;
    return io::VideoFrame{io::flatten(io::load_image(pictures_[place_++])), time};
  }
  void seek(double seconds) override { place_ = static_cast<size_t>(std::llround(seconds * fps_)); }

 private:
  std::vector<fs::path> pictures_;
  double fps_;
  size_t place_ = 0;
};

// The last run of digits before the ending, without leading zeros; "" where there is none.
std::string number_of(const fs::path& path) {
  const std::string stem = path.stem().string();
  const auto digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto last = std::find_if(stem.rbegin(), stem.rend(), digit);
  const auto first = std::find_if_not(last, stem.rend(), digit);
  const std::string digits(first.base(), last.base());
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// When the film's last frame ends: as long after it as the frames before it took on average.
double end_of_video(const std::vector<double>& times) {
  return times.size() < 2 ? times.back() : times.back() + (times.back() - times.front()) / (std::ssize(times) - 1.0);
}

}  // namespace

std::vector<fs::path> numbered_pictures(const fs::path& folder) {
  std::vector<std::pair<std::string, fs::path>> pictures;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const bool hidden = entry.path().filename().string().starts_with(".");
    if (!hidden && entry.is_regular_file() && io::has_image_extension(entry.path()))
      pictures.emplace_back(number_of(entry.path()), entry.path());
  }
  std::sort(pictures.begin(), pictures.end(), [](const auto& a, const auto& b) {
    if (a.first.size() != b.first.size()) return a.first.size() < b.first.size();
    return a < b;
  });
  std::vector<fs::path> paths;
  for (auto& [number, path] : pictures) paths.push_back(std::move(path));
  return paths;
}

FilmTimes film_times(const fs::path& film) {
  if (!fs::exists(film)) throw Error({.what = "does not exist", .file = film.string(), .mend = "check the path"});
  if (fs::is_directory(film)) {
    const auto pictures = numbered_pictures(film);
    if (pictures.empty())
      throw Error({.what = "holds no pictures", .file = film.string(), .mend = "give a folder of numbered frames"});
    return {.numbered = std::ssize(pictures)};
  }
  if (io::has_animation_extension(film)) {
    const io::AnimationReader reader(film);
    return {.times = reader.info().times, .end = reader.info().seconds};
  }
  std::vector<double> times = io::video_frame_times(film);
  const double end = end_of_video(times);
  return {.times = std::move(times), .end = end};
}

std::unique_ptr<FrameSource> open_frame_source(const fs::path& film, double fps) {
  if (fs::is_directory(film)) return std::make_unique<Folder>(film, fps);
  if (io::has_animation_extension(film)) return std::make_unique<Animation>(film);
  return std::make_unique<Video>(film);
}

}  // namespace cambium::data
