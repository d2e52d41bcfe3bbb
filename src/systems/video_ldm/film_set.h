#pragma once
// The films of a training run: what each shows, and its frames at one size and rate.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/clips/clip_list.h"
#include "io/recipe.h"

namespace cambium::systems::video_ldm {

// Lists of films (data/clips/clip_list.h): those to learn from, and those to judge by.
struct FilmLists {
  std::vector<std::string> train = {};  // none: the prepared animations of the cache, their held-out ones with them
  std::vector<std::string> held_out = {};
};
void fields(io::RecipeSection& section, FilmLists& lists);

// The folder that `scripts/data video_ldm` prepares; Error with that advice where it is not there.
std::filesystem::path prepared_animations();

enum class FilmSplit { train, held_out };

struct Film {
  std::string caption;   // "grinning face"; empty where the list has none
  std::string subgroup;  // the list's "subgroup": "face-smiling"
  FilmSplit split = FilmSplit::train;
};

struct FilmSetOptions {
  int64_t height = 64, width = 64;  // pixels: scaled to cover them, the middle cut out
  double fps = 24;                  // frames a second that are taken; 0: each film's own rate
  int64_t least_frames = 1;         // at that rate: shorter films are left out, with a warning that counts them
  bool stills = false;              // of the prepared animations, those that barely move too: for image models
};

class FilmSet {
 public:
  // Errors as data::open_clip_list.
  static FilmSet open(const FilmLists& lists, const FilmSetOptions& options);

  const std::vector<Film>& films() const { return films_; }
  std::vector<int64_t> of(FilmSplit split) const;
  // All frames of a film, u8 [T, 3, height, width].
  at::Tensor frames(int64_t film) const;
  // Changes with the films, their order, size and rate.
  std::string fingerprint() const;

 private:
  struct Place {
    std::shared_ptr<const data::ClipList> list;
    int64_t index = 0;
  };
  void add(const std::string& list, FilmSplit split);

  FilmSetOptions options_;
  std::vector<Film> films_;
  std::vector<Place> places_;  // of each film
  std::vector<std::string> fingerprints_;
};

}  // namespace cambium::systems::video_ldm
