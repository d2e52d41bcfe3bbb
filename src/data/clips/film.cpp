#include "data/clips/film.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/clips/frame_source.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

// A frame's time in the file and in its list differ by rounding alone.
constexpr double kSameTime = 1e-4;  // seconds
// GIF counts hundredths of a second: 40 frames a second are 2 and 3 of them, a fifth of a period off.
constexpr double kJitter = 1.0 / 3;  // of a period
constexpr double kNearShortest =
    1.75;  // periods: between one and two, nearer to two since the shortest is short of one

[[noreturn]] void fail(const fs::path& film, const std::string& what, const std::string& mend) {
  throw Error({.what = what, .file = film.string(), .mend = mend});
}

int64_t last_at(const std::vector<double>& times, double time) {
  const auto after = std::upper_bound(times.begin(), times.end(), time);
  return std::max<int64_t>(after - times.begin() - 1, 0);
}

// Hands out the film's own frames by number, forwards.
class OwnFrames {
 public:
  OwnFrames(const fs::path& film, const Timeline& timeline)
      : film_(film), times_(timeline.times), rate_(timeline.fps) {}

  const io::Image& at(int64_t number) {
    if (!source_) start(number);
    while (number_ < number) advance();
    return frame_;
  }

 private:
  void start(int64_t number) {
    source_ = open_frame_source(film_, rate_);
    if (number == 0) return advance();
    source_->seek(times_[static_cast<size_t>(number)]);
    advance();
    if (number_ <= number) return;
    // The container went beyond the place: from the beginning, then.
    source_ = open_frame_source(film_, rate_);
    advance();
  }

  void advance() {
    auto frame = source_->next();
    if (!frame) {
      fail(film_,
           "ends after " + std::to_string(number_ + 1) + " frames, and its list of times has " +
               std::to_string(times_.size()),
           "the file is cut short or damaged: copy it again");
    }
    number_ = last_at(times_, frame->time + kSameTime);
    frame_ = std::move(frame->image);
  }

  const fs::path& film_;
  const std::vector<double>& times_;
  double rate_;
  std::unique_ptr<FrameSource> source_;
  io::Image frame_;
  int64_t number_ = -1;
};

}  // namespace

int64_t Timeline::shown(int64_t i) const {
  return last_at(times, times.front() + (static_cast<double>(i) + 0.5) / fps);
}

std::optional<double> even_rate(std::span<const double> times, double end) {
  if (times.empty()) return std::nullopt;
  std::vector<double> lengths;
  for (size_t i = 0; i < times.size(); ++i) lengths.push_back((i + 1 < times.size() ? times[i + 1] : end) - times[i]);
  const double shortest = *std::min_element(lengths.begin(), lengths.end());
  if (!(shortest > 0)) return std::nullopt;
  // The period, from the frames that can last no more than one: those near the shortest.
  double near = 0, count = 0;
  for (const double length : lengths) {
    if (length >= kNearShortest * shortest) continue;
    near += length;
    ++count;
  }
  double periods = 0;
  for (const double length : lengths) periods += std::max(1.0, std::round(length * count / near));
  const double period = (end - times.front()) / periods;
  for (const double length : lengths) {
    const double off = length - period * std::max(1.0, std::round(length / period));
    if (std::abs(off) > kJitter * period) return std::nullopt;
  }
  return 1 / period;
}

Timeline timeline_of(const fs::path& film, std::optional<double> fps) {
  if (fps && !(*fps > 0)) fail(film, "has a rate of " + std::to_string(*fps) + " frames a second", "give one above 0");
  FilmTimes found = film_times(film);
  if (found.numbered > 0) {
    if (!fps) fail(film, "is a folder of frames without a rate", "give its row an \"fps\"");
    Timeline timeline{.fps = *fps, .frames = found.numbered};
    for (int64_t i = 0; i < found.numbered; ++i) timeline.times.push_back(static_cast<double>(i) / *fps);
    return timeline;
  }
  if (!fps) fps = found.times.size() == 1 ? 1 : even_rate(found.times, found.end);
  if (!fps) fail(film, "has frames at a varying rate", "give its row an \"fps\" at which to read it");
  const double length = found.end - found.times.front();
  return {.fps = *fps, .frames = std::max<int64_t>(1, std::llround(length * *fps)), .times = std::move(found.times)};
}

std::vector<io::Image> read_frames(const fs::path& film, const Timeline& timeline, std::span<const int64_t> indices,
                                   const std::function<io::Image(const io::Image&)>& prepare) {
  OwnFrames frames(film, timeline);
  std::vector<io::Image> read;
  int64_t last = -1;
  for (const int64_t index : indices) {
    const int64_t number = timeline.shown(index);
    if (number == last) {
      read.push_back(read.back());
    } else {
      read.push_back(prepare(frames.at(number)));
    }
    last = number;
  }
  return read;
}

}  // namespace cambium::data
