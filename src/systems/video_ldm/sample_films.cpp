#include "systems/video_ldm/sample_films.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include "io/film.h"
#include "models/video_ldm/context.h"
#include "systems/video_ldm/pictures.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr int64_t kSteps = 25;
constexpr double kGuidance = 2, kContextGuidance = 1.5;

}  // namespace

// -> latents [t, c, h, w]
at::Tensor SampleFilms::make_clip(const SampleClip& clip, uint64_t seed) const {
  WindowRequest request{.text = clip.text.unsqueeze(0),
                        .negative = parts_.negative.unsqueeze(0),
                        .guidance = {.scale = kGuidance, .context = kContextGuidance},
                        .steps = kSteps,
                        .seeds = {seed},
                        .shape = clip.latents.sizes().vec()};
  if (clip.given != 0) {
    const int64_t frames = clip.latents.size(0);
    request.known = clip.latents.unsqueeze(0);
    request.mask =
        clip.given < 0 ? cambium::video_ldm::ends_mask(frames) : cambium::video_ldm::leading_mask(frames, clip.given);
    request.mask = request.mask.to(clip.latents.device());
  }
  return make_window(parts_.model, request).squeeze(0);
}

train::Samples SampleFilms::make(int64_t step, uint64_t seed) const {
  const at::NoGradGuard guard;
  const double scale = parts_.autoencoder->options().scaling_factor;
  std::vector<at::Tensor> rows;  // [t, 3, H, W] each
  std::string words;
  for (size_t i = 0; i < parts_.clips.size(); ++i) {
    const SampleClip& clip = parts_.clips[i];
    for (const at::Tensor& latents : {clip.latents, make_clip(clip, mix_seed(seed, "sample film", i))})
      rows.push_back(to_bytes(parts_.autoencoder->decode(latents / scale)));
    words += (words.empty() ? "" : "; ") + clip.caption;
  }
  if (!parts_.folder.empty()) {
    std::vector<at::Tensor> frames;
    for (int64_t t = 0; t < rows.front().size(0); ++t) {
      std::vector<at::Tensor> tiles;
      for (const at::Tensor& row : rows) tiles.push_back(row[t]);
      frames.push_back(tile(at::stack(tiles), 8));
    }
    io::write_film(parts_.folder / fmt::format("step_{:08}.webp", step), at::stack(frames), {.fps = parts_.fps});
  }
  return {.pictures = {sample_picture("films: real above, made below", at::cat(rows), rows.front().size(0))},
          .texts = {{"captions", words}}};
}

}  // namespace cambium::systems::video_ldm
