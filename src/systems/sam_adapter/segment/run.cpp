#include "systems/sam_adapter/segment/run.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "io/picture_files.h"
#include "io/video.h"

namespace cambium::systems::sam_adapter {
namespace {

namespace fs = std::filesystem;

struct Input {
  fs::path file;
  fs::path relative;  // its name in the output
  bool video = false;
};

std::vector<Input> inputs_of(const std::vector<std::string>& paths) {
  if (paths.empty()) throw UsageError({.what = "nothing to segment", .mend = "name pictures, folders or videos"});
  std::vector<Input> inputs;
  for (const auto& path : paths) {
    std::error_code code;
    const bool folder = fs::is_directory(path, code);
    if (!folder && io::has_video_extension(path) && fs::exists(path, code)) {
      inputs.push_back({path, fs::path(path).filename(), true});
      continue;
    }
    for (const auto& file : io::picture_files({path})) {
      inputs.push_back({file, folder ? fs::relative(file, path) : file.filename(), false});
    }
  }
  return inputs;
}

class Run {
 public:
  Run(Segmenter& segmenter, const SegmentJob& job)
      : segmenter_(segmenter), job_(job), writer_(job.out, job.formats, segmenter.categories()) {}

  SegmentOutcome all() {
    const auto inputs = inputs_of(job_.inputs);
    SegmentOutcome outcome;
    single_ = inputs.size() == 1;
    std::optional<Progress> progress;
    if (!single_) progress.emplace("segment", static_cast<int64_t>(inputs.size()), "files");
    for (const auto& input : inputs) {
      if (interrupt::requested()) break;
      try {
        outcome.files.push_back(input.video ? video(input) : picture(input));
      } catch (const Interrupted&) {
        break;
      } catch (const Error& error) {
        if (single_) throw;
        log::warn(std::string("skipped ") + error.what());
        outcome.skipped.emplace_back(error.what());
      }
      if (progress) progress->update(static_cast<int64_t>(outcome.files.size() + outcome.skipped.size()));
    }
    if (progress) progress->finish();
    outcome.outputs = writer_.finish();
    interrupt::check();
    if (outcome.files.empty())
      throw Error({.what = "none of the " + std::to_string(inputs.size()) + " files could be segmented",
                   .mend = "see the lines above"});
    return outcome;
  }

 private:
  SegmentedFile picture(const Input& input) {
    const io::Image rgb = io::to_rgb(io::load_image(input.file));
    std::optional<Progress> progress;
    const auto points = [&](int64_t done, int64_t total) {
      interrupt::check();
      if (!single_) return;
      if (!progress) progress.emplace("segment", total, "points");
      progress->update(done);
    };
    const Segmentation segmentation = segmenter_.segment(rgb, job_.request, input.file.string(), points);
    if (progress) progress->finish();
    const std::string name = writer_.unique_name(input.relative);
    return {.file = input.file.string(),
            .height = rgb.height,
            .width = rgb.width,
            .segments = static_cast<int64_t>(segmentation.segments.size()),
            .outputs = writer_.write(name, input.relative.string(), rgb, segmentation, job_.request)};
  }

  SegmentedFile video(const Input& input) {
    io::VideoReader reader(input.file);
    const io::VideoInfo& info = reader.info();
    SegmentedFile file{.file = input.file.string(), .height = info.height, .width = info.width, .frames = 0};
    const std::string name = writer_.unique_name(input.relative);
    std::optional<io::VideoWriter> film;
    const fs::path film_path = writer_.path("overlays", name, ".mp4");
    std::optional<Progress> progress;
    if (single_) progress.emplace("segment", info.frames, "frames");
    for (int64_t index = 0; auto frame = reader.next(); ++index) {
      if (interrupt::requested()) break;
      if (index % job_.every != 0) continue;
      const io::Image& rgb = frame->image;
      const Segmentation segmentation = segmenter_.segment(rgb, job_.request, input.file.string());
      std::string number = std::to_string(index);
      number.insert(0, number.size() < 6 ? 6 - number.size() : 0, '0');
      const std::string frame_name = name + "/" + number;
      for (auto& path : writer_.write(frame_name, frame_name, rgb, segmentation, job_.request, /*frame=*/true)) {
        file.outputs.push_back(std::move(path));
      }
      if (job_.formats.overlays) {
        if (!film) {
          const double rate =
              (info.frames_per_second > 0 ? info.frames_per_second : 25) / static_cast<double>(job_.every);
          film.emplace(film_path,
                       io::VideoWriterOptions{.width = rgb.width, .height = rgb.height, .frames_per_second = rate});
        }
        film->add(draw_overlay(rgb, segmentation, job_.request), frame->time);
      }
      ++file.frames;
      file.segments += static_cast<int64_t>(segmentation.segments.size());
      if (progress) progress->update(index + 1);
    }
    if (progress) progress->finish();
    if (film) {
      film->finish();
      file.outputs.push_back(film_path.string());
    }
    return file;
  }

  Segmenter& segmenter_;
  const SegmentJob& job_;
  SegmentWriter writer_;
  bool single_ = false;
};

}  // namespace

SegmentOutcome segment_files(Segmenter& segmenter, const SegmentJob& job) {
  job.request.validate(segmenter.adapted());
  if (job.every < 1) throw UsageError({.what = "must be at least 1", .field = "--every"});
  return Run(segmenter, job).all();
}

}  // namespace cambium::systems::sam_adapter
