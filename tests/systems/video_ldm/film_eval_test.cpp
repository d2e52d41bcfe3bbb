#include "systems/video_ldm/eval/film_eval.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/random.h"
#include "io/film.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::systems::video_ldm {
namespace {

// A frame's row is its mean colour; cheap, and enough to tell sets apart.
class MeanColour : public FilmFeatures {
 public:
  std::string variant() const override { return "mean colour"; }
  at::Tensor of_frames(const at::Tensor& frames) const override { return frames.to(at::kFloat).mean({2, 3}) / 255; }
  at::Tensor of_film(const at::Tensor& rows) const override { return rows.mean(0); }
};

// Films of noise about a level, [T, 3, 12, 16].
at::Tensor film(double level, uint64_t seed, int64_t frames = 6) {
  at::Generator generator = make_generator(seed);
  return ((at::rand({frames, 3, 12, 16}, generator, at::kFloat) * 0.2 + level) * 255).to(at::kByte);
}

std::vector<at::Tensor> films(double level, uint64_t seed) {
  return {film(level, seed), film(level, seed + 1), film(level, seed + 2), film(level, seed + 3)};
}

TEST(FilmEval, TellsLikeFromUnlike) {
  const MeanColour features;
  const FilmEval like = evaluate_films(films(0.3, 1), films(0.3, 11), &features);
  const FilmEval unlike = evaluate_films(films(0.3, 1), films(0.7, 11), &features);
  EXPECT_LT(like.frechet_films, 0.01);
  EXPECT_NEAR(unlike.frechet_films, 3 * 0.16, 0.02);
  EXPECT_NEAR(unlike.frechet_frames, 3 * 0.16, 0.02);
  EXPECT_EQ(unlike.variant, "mean colour");
  EXPECT_NEAR(like.films.consistency.motion, 0.2 / 3, 0.01);  // of two uniform numbers
}

TEST(FilmEval, ReadsFoldersAndLists) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path();
  std::string list;
  for (uint64_t i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i) + ".webp";
    const at::Tensor frames = film(0.3, i).to(at::kFloat) / 255;
    io::write_film(path / "films" / name, frames, {.fps = 10, .lossless = true});
    io::write_film(path / "real" / name, frames, {.fps = 10, .lossless = true});
    list += "{\"path\": \"real/" + name + "\"}\n";
  }
  write_file(path / "real.jsonl", list);
  const FilmEval eval =
      evaluate_films({.films = path / "films", .reference = path / "real.jsonl", .frames = 4}, nullptr);
  EXPECT_EQ(eval.films.films, 3);
  EXPECT_EQ(eval.reference.films, 3);
  EXPECT_EQ(eval.films.consistency.motion, eval.reference.consistency.motion);
  EXPECT_NEAR(eval.films.fps, 10, 0.1);
  const auto json = to_json(eval);
  EXPECT_FALSE(json.contains("frechet_films"));
  EXPECT_EQ(json.at("frames"), 4);
  EXPECT_NE(report::to_text(to_table(eval)).find("compensated"), std::string::npos);
  EXPECT_TRUE(test::says(test::sentence([&] {
                           evaluate_films({.films = path / "films", .reference = path / "real", .frames = 9}, nullptr);
                         }),
                         "3 of 3 films"));
}

TEST(FilmEval, RefusesSenselessOptions) {
  EXPECT_THROW(evaluate_films(FilmEvalOptions{.films = "a"}, nullptr), UsageError);
  EXPECT_THROW(evaluate_films(FilmEvalOptions{.films = "a", .reference = "b", .frames = 1}, nullptr), UsageError);
  EXPECT_THROW(evaluate_films({}, films(0.3, 1), nullptr), Error);
  const MeanColour features;
  EXPECT_THROW(evaluate_films({film(0.3, 1)}, films(0.3, 1), &features), Error);
}

}  // namespace
}  // namespace cambium::systems::video_ldm
