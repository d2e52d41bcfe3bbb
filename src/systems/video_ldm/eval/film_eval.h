#pragma once
// Films against films: Frechet distances, and how frames hang together.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/clips/clip.h"
#include "metrics/video/consistency.h"
#include "report/table.h"
#include "systems/video_ldm/eval/film_features.h"

namespace cambium::systems::video_ldm {

struct FilmEvalOptions {
  std::filesystem::path films = {}, reference = {};  // folders of films, or lists of them (.jsonl)
  int64_t frames = 16;                               // of each film's middle; shorter films are left out, and counted
  double fps = 0;                                    // 0: each film's own rate
  bool distances = true;                             // false: consistency alone, which needs no network

  void validate() const;
};

struct FilmSetScores {
  std::string name = {};
  int64_t films = 0;
  double fps = 0;                         // of the first film, or as asked for
  metrics::Consistency consistency = {};  // of values in [0, 1]
};

struct FilmEval {
  FilmSetScores films = {}, reference = {};
  int64_t frames = 0;
  std::string variant = {};   // of the features; empty without distances
  double frechet_films = 0;   // a row a film
  double frechet_frames = 0;  // a row a frame: blind to their order
};

// Errors as of data/clips; fewer than two films on a side have no distance.
FilmEval evaluate_films(const FilmEvalOptions& options, const FilmFeatures* features);
// The same for clips in memory, u8 [T, 3, H, W] each: `films` of a model, `reference` held out.
FilmEval evaluate_films(const std::vector<at::Tensor>& films, const std::vector<at::Tensor>& reference,
                        const FilmFeatures* features);

report::Table to_table(const FilmEval& eval);
nlohmann::ordered_json to_json(const FilmEval& eval);

}  // namespace cambium::systems::video_ldm
