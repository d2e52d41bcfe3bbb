#include "systems/video_ldm/eval/film_eval.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/progress.h"
#include "io/image_tensor.h"
#include "metrics/video/frechet.h"

namespace cambium::systems::video_ldm {
namespace {

namespace fs = std::filesystem;

// What is kept of a set of films while they pass by.
struct Gathered {
  std::vector<metrics::Consistency> consistency;
  std::vector<at::Tensor> frames;  // [T, D] each
  std::vector<at::Tensor> films;   // [F] each

  // film: u8 [T, 3, H, W].
  void add(const at::Tensor& film, const FilmFeatures* features) {
    if (film.size(0) > 1) consistency.push_back(metrics::consistency(io::to_unit_float(film)));
    if (!features) return;
    frames.push_back(features->of_frames(film));
    films.push_back(features->of_film(frames.back()));
  }
};

std::shared_ptr<const data::ClipList> open(const fs::path& path, const FilmEvalOptions& options) {
  const data::ClipListOptions list{.frames = options.frames, .fps = options.fps};
  if (!fs::is_directory(path)) return data::open_clip_list(path, list);
  return data::open_clip_folder(path, list, options.fps > 0 ? std::optional<double>(options.fps) : std::nullopt);
}

FilmSetScores gather(const fs::path& path, const FilmEvalOptions& options, const FilmFeatures* features,
                     Gathered& gathered) {
  const auto list = open(path, options);
  FilmSetScores scores{.name = path.string(), .films = list->size()};
  Progress progress(path.filename().string(), list->size(), "films");
  for (int64_t i = 0; i < list->size(); ++i) {
    const data::Clip clip =
        data::middle_clip(*list, i, {.frames = options.frames, .fps = options.fps, .width = 0, .height = 0});
    if (i == 0) scores.fps = clip.fps;
    gathered.add(clip.frames, features);
    progress.update(i + 1);
  }
  progress.finish();
  return scores;
}

void score(FilmEval& eval, const Gathered& films, const Gathered& reference, const FilmFeatures* features) {
  eval.films.consistency = metrics::mean_consistency(films.consistency);
  eval.reference.consistency = metrics::mean_consistency(reference.consistency);
  if (!features) return;
  eval.variant = features->variant();
  eval.frechet_films = metrics::frechet_distance(at::stack(films.films), at::stack(reference.films));
  eval.frechet_frames = metrics::frechet_distance(at::cat(films.frames), at::cat(reference.frames));
}

std::vector<report::Cell> row_of(const FilmSetScores& set, double real_motion) {
  const metrics::Consistency& c = set.consistency;
  return {set.name,
          set.films,
          set.fps,
          c.motion,
          real_motion > 0 ? report::Cell(c.motion / real_motion) : report::Cell(),
          c.compensated,
          c.flicker};
}

nlohmann::ordered_json json_of(const FilmSetScores& set) {
  return {{"path", set.name},
          {"films", set.films},
          {"fps", set.fps},
          {"motion", set.consistency.motion},
          {"compensated", set.consistency.compensated},
          {"flicker", set.consistency.flicker}};
}

}  // namespace

void FilmEvalOptions::validate() const {
  if (films.empty() || reference.empty())
    throw UsageError({.what = "go together", .field = "--films and --reference", .mend = "give both"});
  if (frames < 2) throw UsageError({.what = "must be at least 2", .field = "--frames", .mend = "16 is usual"});
  if (!(fps >= 0))
    throw UsageError({.what = "must not be negative", .field = "--fps", .mend = "0 keeps the films' own"});
}

FilmEval evaluate_films(const FilmEvalOptions& options, const FilmFeatures* features) {
  options.validate();
  FilmEval eval{.frames = options.frames};
  Gathered films, reference;
  eval.films = gather(options.films, options, features, films);
  eval.reference = gather(options.reference, options, features, reference);
  score(eval, films, reference, features);
  return eval;
}

FilmEval evaluate_films(const std::vector<at::Tensor>& films, const std::vector<at::Tensor>& reference,
                        const FilmFeatures* features) {
  if (films.empty() || reference.empty()) throw Error({.what = "there are no films", .mend = "give at least two"});
  FilmEval eval{.films = {.name = "films", .films = std::ssize(films)},
                .reference = {.name = "reference", .films = std::ssize(reference)},
                .frames = films.front().size(0)};
  Gathered ours, real;
  for (const at::Tensor& film : films) ours.add(film, features);
  for (const at::Tensor& film : reference) real.add(film, features);
  score(eval, ours, real, features);
  return eval;
}

report::Table to_table(const FilmEval& eval) {
  report::Table table{.title = "Films",
                      .columns = {"set", "films", "fps", "motion", "of real", "compensated", "flicker"},
                      .rows = {row_of(eval.films, eval.reference.consistency.motion), row_of(eval.reference, 0)}};
  table.note = std::to_string(eval.frames) + " frames a film";
  if (!eval.variant.empty()) {
    const auto text = [](double distance) { return nlohmann::json(distance).dump(); };
    table.note += "; Frechet distance of films " + text(eval.frechet_films) + ", of frames " +
                  text(eval.frechet_frames) + ", by " + eval.variant;
  }
  return table;
}

nlohmann::ordered_json to_json(const FilmEval& eval) {
  nlohmann::ordered_json json = {
      {"frames", eval.frames}, {"films", json_of(eval.films)}, {"reference", json_of(eval.reference)}};
  if (!eval.variant.empty()) {
    json["features"] = eval.variant;
    json["frechet_films"] = eval.frechet_films;
    json["frechet_frames"] = eval.frechet_frames;
  }
  return json;
}

}  // namespace cambium::systems::video_ldm
