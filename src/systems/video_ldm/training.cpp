#include "systems/video_ldm/training.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "models/video_ldm/temporal_file.h"
#include "nn/load.h"
#include "systems/video_ldm/task.h"
#include "systems/video_ldm/training_parts.h"

namespace cambium::systems::video_ldm {
namespace {

using cambium::video_ldm::TemporalLayers;

constexpr int64_t kSampleClips = 4;

int64_t micro_batches(const Recipe& recipe, const train::Distributed& ranks) {
  const int64_t batch = batch_of_rank(recipe.train, ranks.world());
  if (batch % recipe.micro_batch != 0) {
    throw UsageError(
        {.what = std::to_string(recipe.micro_batch) + " clips at once do not divide a rank's " + std::to_string(batch),
         .field = "train.micro_batch",
         .mend = "use a divisor"});
  }
  return batch / recipe.micro_batch;
}

// What the delta holds of these layers, by name: layers for prediction begin layers for interpolation, which have more.
void start_from(TemporalLayers& layers, const std::filesystem::path& path) {
  const cambium::video_ldm::TemporalFile file = cambium::video_ldm::read_temporal_layers(path);
  const at::NoGradGuard guard;
  auto parameters = layers.named_parameters();
  size_t found = 0;
  for (const auto& [name, tensor] : file.delta.tensors) {
    at::Tensor* parameter = parameters.find(name);
    if (!parameter || parameter->sizes() != tensor.sizes()) continue;
    parameter->copy_(tensor);
    ++found;
  }
  if (found == 0) {
    throw Error(
        {.what = "holds no layer of these sizes", .file = path.string(), .mend = "use one of the same image model"});
  }
  log::info(path.string() + ": " + std::to_string(found) + " of " + std::to_string(parameters.size()) +
            " tensors begin with its values");
}

std::shared_ptr<TemporalLayers> make_layers(const Recipe& recipe, const ImageModel& image) {
  const auto options = recipe.model.options(recipe.data.frames, static_cast<int64_t>(recipe.data.fps.size()));
  auto layers = std::make_shared<TemporalLayers>(image.unet->options(), options);
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "temporal layers"));
  layers->initialize(generator);
  if (!recipe.start.empty()) start_from(*layers, recipe.start);
  layers->to(image.compute.device);
  return layers;
}

// A run's model, films and conditions.
class Prepared {
 public:
  Prepared(const LoadedRecipe& loaded, const ImageModel& image, const FilmSet& films,
           std::shared_ptr<const LatentFilms> latents, const train::RunOptions& options,
           const train::Distributed& ranks)
      : loaded_(loaded),
        image_(image),
        films_(films),
        latents_(std::move(latents)),
        options_(options),
        ranks_(ranks),
        micro_batches_(micro_batches(loaded.recipe, ranks)),
        layers_(make_layers(loaded.recipe, image)) {
    for (auto& parameter : image_.unet->parameters()) parameter.set_requires_grad(false);
    image_.unet->set_checkpointing(loaded.recipe.checkpointing);
    texts_ = std::make_shared<TextContexts>(films.films(), *image.text, train::rank_folder(options, "captions", ranks),
                                            image.identity.fingerprint);
  }

  train::LoopOptions loop() const { return loop_options(loaded_.recipe.train, options_, micro_batches_); }
  const std::shared_ptr<TemporalLayers>& layers() const { return layers_; }

  std::unique_ptr<TemporalTask> task() const {
    return std::make_unique<TemporalTask>(loaded_,
                                          TemporalTask::Parts{.unet = image_.unet,
                                                              .foundation = image_.identity,
                                                              .scheduler = image_.scheduler,
                                                              .layers = layers_,
                                                              .latents = latents_,
                                                              .texts = texts_,
                                                              .train = films_.of(FilmSplit::train),
                                                              .held_out = films_.of(FilmSplit::held_out),
                                                              .samples = samples()},
                                          ranks_);
  }

 private:
  // Held-out films first: what has been learnt shows on those.
  std::shared_ptr<SampleFilms> samples() const {
    const Recipe& recipe = loaded_.recipe;
    if (recipe.train.sample_every == 0) return nullptr;
    SampleFilms::Parts parts{.model = {.unet = image_.unet, .layers = layers_, .scheduler = image_.scheduler},
                             .autoencoder = image_.autoencoder,
                             .negative = encode(""),
                             .fps = recipe.data.fps.front(),
                             .folder = options_.run.empty() ? std::filesystem::path() : options_.run / "samples"};
    const int64_t stride = strides(recipe.data).front();
    for (const FilmSplit split : {FilmSplit::held_out, FilmSplit::train}) {
      const std::vector<int64_t> films = films_.of(split);
      for (const LatentFilms::Span& span : latents_->spans()) {
        if (std::ssize(parts.clips) == kSampleClips) break;
        if (std::find(films.begin(), films.end(), span.film) == films.end() ||
            span.frames < clip_length(recipe.data.frames, stride)) {
          continue;
        }
        const Film& film = films_.films()[static_cast<size_t>(span.film)];
        const std::string caption = recipe.captions.subgroup > 0 ? film.subgroup : film.caption;
        const Clip clip = clip_at(span, 0, recipe.data.frames, stride);
        parts.clips.push_back({.caption = caption,
                               .latents = latents_->mean(clip.rows).to(image_.compute.device),
                               .text = encode(caption),
                               .given = given(std::ssize(parts.clips))});
      }
    }
    return std::make_shared<SampleFilms>(std::move(parts));
  }

  at::Tensor encode(const std::string& text) const { return image_.text->encode(std::vector{text}).squeeze(0); }

  // Prediction shows films from nothing, from one frame and from two.
  int64_t given(int64_t clip) const {
    if (loaded_.recipe.task == "interpolation") return -1;
    return loaded_.recipe.model.context ? clip % 3 : 0;
  }

  LoadedRecipe loaded_;
  ImageModel image_;
  const FilmSet& films_;
  std::shared_ptr<const LatentFilms> latents_;
  train::RunOptions options_;
  const train::Distributed& ranks_;
  int64_t micro_batches_;
  std::shared_ptr<TemporalLayers> layers_;
  std::shared_ptr<const TextContexts> texts_;
};

}  // namespace

TrainedLayers train_layers(const LoadedRecipe& loaded, const ImageModel& image, const FilmSet& films,
                           std::shared_ptr<const LatentFilms> latents, const train::RunOptions& options,
                           const train::Distributed& ranks) {
  const Prepared prepared(loaded, image, films, std::move(latents), options, ranks);
  train::write_recipe(options, loaded.resolved, ranks);
  TrainedLayers trained{.layers = prepared.layers()};
  trained.result = train::run_loop(*prepared.task(), prepared.loop(), ranks);
  take_average(*trained.layers, trained.result.average);
  if (options.run.empty()) return trained;
  trained.file = options.run / "delta.safetensors";
  if (ranks.main())
    cambium::video_ldm::write_temporal_layers(trained.file, *trained.layers, image.identity, loaded.resolved);
  return trained;
}

TrainedLayers train_layers(const LoadedRecipe& loaded, const train::RunOptions& options,
                           const train::Distributed& ranks) {
  train::check_run_folder({.run = options.run, .seed = loaded.recipe.train.run.seed, .resume = options.resume}, ranks);
  TrainingParts parts = open_parts(loaded.recipe.data.open(), loaded.recipe.foundation, options, ranks);
  return train_layers(loaded, parts.image, parts.films, std::move(parts.latents), options, ranks);
}

train::DryRunReport dry_run_layers(const LoadedRecipe& loaded, const train::RunOptions& options,
                                   const train::Distributed& ranks) {
  const TrainingParts parts = rehearse_parts(loaded.recipe.data.open(), loaded.recipe.foundation, options);
  train::RunOptions nothing = options;
  nothing.run.clear();
  const Prepared prepared(loaded, parts.image, parts.films, parts.latents, nothing, ranks);
  return train::dry_run(*prepared.task(), prepared.loop(), ranks);
}

}  // namespace cambium::systems::video_ldm
