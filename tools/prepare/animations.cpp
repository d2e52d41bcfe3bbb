#include "animations.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "archive.h"
#include "core/atomic_file.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/random.h"
#include "emoji.h"
#include "io/animation.h"
#include "io/resize.h"

namespace cambium::prepare {
namespace {

using data::emoji::Emoji;
namespace fs = std::filesystem;

constexpr int64_t kSide = 64;            // pixels
constexpr double kFrameSeconds = 0.042;  // the drawings' own, but for a handful of frames
constexpr int64_t kMotionStride = 4;     // frames: 6 a second, the rate of the demo's clips
constexpr double kLeastMotion = 0.02;    // of [0, 1], as a mean over pixels: below it nothing is seen to move
constexpr uint64_t kHeldOutSeed = 23, kTenth = 10;  // per cent held out

struct Clip {
  Emoji emoji;
  std::string bytes;  // first the package's file, then ours
  int64_t frames = 0;
  double motion = 0;  // mean |difference| between frames kMotionStride apart

  bool held_out() const {
    return mix_seed(kHeldOutSeed, data::emoji::genderless_hexcode(emoji.hexcode)) % 100 < kTenth;
  }
};

// The package's files of base emoji; those with one skin tone or another are the same drawing.
std::vector<Clip> read_clips(const fs::path& downloads) {
  std::map<std::string, Emoji> wanted;
  for (Emoji& emoji : read_emojibase(downloads)) wanted.emplace(emoji.hexcode, std::move(emoji));
  std::vector<Clip> clips;
  read_package(find_package(downloads, "lobehub-fluent-emoji-anim-3-", ".tgz"),
               [&](const std::string& name, std::string bytes) {
                 const fs::path path(name);
                 if (path.extension() != ".webp") return;
                 const auto emoji = wanted.find(data::emoji::normalised_hexcode(path.stem().string()));
                 if (emoji != wanted.end()) clips.push_back({.emoji = emoji->second, .bytes = std::move(bytes)});
               });
  std::sort(clips.begin(), clips.end(), [](const Clip& a, const Clip& b) { return a.emoji.hexcode < b.emoji.hexcode; });
  return clips;
}

// The frame shown in the middle of every interval of the common rate.
std::vector<io::Image> resampled(io::AnimationReader reader) {
  std::vector<io::VideoFrame> frames;
  while (auto frame = reader.next()) {
    frame->image = io::resize(frame->image, kSide, kSide, io::Filter::bilinear);
    frames.push_back(std::move(*frame));
  }
  std::vector<io::Image> even;
  size_t shown = 0;
  for (double time = kFrameSeconds / 2; time < reader.info().seconds; time += kFrameSeconds) {
    while (shown + 1 < frames.size() && frames[shown + 1].time <= time) ++shown;
    even.push_back(frames[shown].image);
  }
  return even;
}

double mean_difference(const io::Image& a, const io::Image& b) {
  int64_t sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return static_cast<double>(sum) / static_cast<double>(255 * a.pixels.size());
}

double motion_of(const std::vector<io::Image>& frames) {
  double sum = 0;
  const auto pairs = std::ssize(frames) - kMotionStride;
  for (int64_t i = 0; i < pairs; ++i) sum += mean_difference(frames[i], frames[i + kMotionStride]);
  return pairs > 0 ? sum / static_cast<double>(pairs) : 0;
}

// Stills become clips of one frame, without motion.
void convert(Clip& clip) {
  const std::vector<io::Image> frames =
      resampled(io::AnimationReader(std::move(clip.bytes), clip.emoji.hexcode + ".webp"));
  io::AnimatedWebpEncoder encoder(kSide, kSide, {.lossless = true});
  for (size_t i = 0; i < frames.size(); ++i) encoder.add(frames[i], static_cast<double>(i) * kFrameSeconds);
  clip.frames = std::ssize(frames);
  clip.motion = motion_of(frames);
  clip.bytes = frames.empty() ? "" : encoder.finish(static_cast<double>(frames.size()) * kFrameSeconds);
}

std::string row_of(const Clip& clip) {
  const nlohmann::ordered_json row = {{"path", "clips/" + clip.emoji.hexcode + ".webp"},
                                      {"caption", clip.emoji.name},
                                      {"subgroup", clip.emoji.subgroup},
                                      {"group", clip.emoji.group},
                                      {"fps", std::round(1e3 / kFrameSeconds) / 1e3},
                                      {"frames", clip.frames},
                                      {"motion", std::round(clip.motion * 1e4) / 1e4}};
  return row.dump() + "\n";
}

}  // namespace

void prepare_animations(const fs::path& downloads, const fs::path& out) {
  std::vector<Clip> clips = read_clips(downloads);
  for_each_in_parallel(std::ssize(clips), static_cast<int64_t>(std::thread::hardware_concurrency()),
                       [&](int64_t i) { convert(clips[static_cast<size_t>(i)]); });
  AtomicDirectory directory(out);
  struct List {
    std::string rows;
    int64_t clips = 0, frames = 0;
  };
  std::map<std::string, List> lists = {{"train", {}}, {"held_out", {}}, {"still", {}}};
  for (const Clip& clip : clips) {
    const bool moves = clip.motion >= kLeastMotion;
    if (clip.frames < 2 || (!moves && clip.held_out())) continue;
    List& list = lists[clip.held_out() ? "held_out" : moves ? "train" : "still"];
    list.rows += row_of(clip);
    ++list.clips;
    list.frames += clip.frames;
    write_file(directory.temporary() / "clips" / (clip.emoji.hexcode + ".webp"), clip.bytes);
  }
  for (const auto& [name, list] : lists) {
    write_file(directory.temporary() / (name + ".jsonl"), list.rows);
    log::info("animations: " + name + ".jsonl lists " + std::to_string(list.clips) + " clips of " +
              std::to_string(list.frames) + " frames");
  }
  write_file(directory.temporary() / "SOURCES.md",
             "# Where these clips come from\n\nMicrosoft's Fluent Emoji, animated (npm: @lobehub/fluent-emoji-anim-3 "
             "1.0.0, MIT), with names, subgroups and groups of emojibase-data 17.0.0 (MIT). Prepared by "
             "cambium-prepare.\n");
  directory.commit();
}

}  // namespace cambium::prepare
