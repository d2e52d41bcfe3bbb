// Adapts a tiny random CLIP for a few steps, by both methods, and opens the delta again.
#include "systems/meru/adapt.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "core/random.h"
#include "io/image.h"
#include "io/safetensors.h"
#include "models/clip/options_json.h"
#include "nn/load.h"
#include "support/temporary_directory.h"
#include "systems/meru/embedder.h"
#include "systems/meru/training.h"

namespace cambium::systems::meru {
namespace {

namespace fs = std::filesystem;

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class Adapt : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Progress::set_quiet(true);
    folder_ = std::make_unique<test::TemporaryDirectory>();
    write_clip("clip.safetensors", 1);
    write_clip("other.safetensors", 2);
    Rng rng(5);
    std::string table = "image,caption\n";
    for (int i = 0; i < 24; ++i) {
      io::Image image(20, 20, 3);
      for (auto& value : image.pixels) value = static_cast<uint8_t>(rng.below(256));
      const std::string name = std::to_string(i) + ".png", bytes = io::encode_png(image);
      write_file(folder_->path() / "pictures" / name, bytes);
      table += name + ",picture number " + std::to_string(i) + "\n";
    }
    write_file(folder_->path() / "pictures" / "captions.csv", table);
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static void write_clip(const std::string& name, uint64_t seed) {
    cambium::clip::CLIPOptions options;
    options.visual.width = 16;
    options.visual.depth = 2;
    options.visual.heads = 2;
    options.visual.image_size = 16;
    options.visual.patch = 8;
    options.textual.width = 16;
    options.textual.layers = 2;
    options.textual.heads = 2;
    options.textual.context = 16;
    options.embed_dim = 12;
    cambium::clip::CLIP model(options);
    at::Generator generator = make_generator(seed);
    model.initialize(generator);
    {
      // As trained CLIPs have it: not where hyperbolic training begins.
      const at::NoGradGuard guard;
      model.logit_scale().fill_(4.6);
    }
    io::write_safetensors(folder_->path() / name, nn::state_tensors(model),
                          {{cambium::clip::kOptionsKey, cambium::clip::to_json(options).dump()}});
  }

  static fs::path path(const std::string& name) { return folder_->path() / name; }

  static LoadedRecipe recipe(const std::string& method, const std::string& objective = "meru", int64_t steps = 4) {
    return io::parse_recipe<Recipe>(
        "system: meru\nfoundation: " + path("clip.safetensors").string() + "\npeft: {method: " + method +
            ", rank: 2, views: 2}\nmodel: {objective: " + objective + "}\ndata: {format: captions, paths: [" +
            path("pictures").string() + "], subreddit_prefix: 0, threads: 1}\ntrain: {steps: " + std::to_string(steps) +
            ", batch: 8, warmup: 1, lr: 1.0e-2, log_every: 1, checkpoint_every: 2}\n",
        "test");
  }

  static at::Tensor pixels() {
    at::Generator generator = make_generator(9);
    at::Tensor t = at::empty({3, 3, 16, 16});
    return uniform_(t, 0, 255, generator).to(at::kByte);
  }

  // Trains, opens foundation and delta again, and compares with the trained model itself.
  static void round_trip(const std::string& method, const std::string& objective) {
    const fs::path run = path("run_" + method + "_" + objective);
    const train::Distributed alone;
    const TrainedModel trained = train_model(recipe(method, objective), {.run = run}, alone);
    ASSERT_EQ(trained.file, run / "delta.safetensors");
    EXPECT_FALSE(fs::exists(run / "model.safetensors"));
    EXPECT_EQ(trained.result.step, 4);
    const ModelFiles files{.weights = path("clip.safetensors").string(), .delta = trained.file.string()};
    const Embedder opened = Embedder::open(files, Compute{});
    const Embedder plain = Embedder::open({.weights = files.weights}, Compute{});
    EXPECT_EQ(opened.hyperbolic(), objective == "meru");
    const at::NoGradGuard guard;
    EXPECT_TRUE(at::equal(opened.embed_pixels(pixels()), trained.model->encode_image(pixels())));
    const std::vector<std::string> words = {"a cat", "picture number 3"};
    const std::vector<std::vector<int32_t>> tokens = cambium::clip::Tokenizer().encode(words);
    EXPECT_TRUE(at::equal(opened.embed_texts(words), trained.model->encode_text(tokens)));
    // Only low-rank terms reach into the towers.
    EXPECT_EQ(at::equal(opened.tower_features(pixels()), plain.tower_features(pixels())), method != "lora");
    EXPECT_TRUE(opened.has_root());
    if (objective == "clip") {
      EXPECT_TRUE(at::equal(opened.root(), trained.root));
    }
  }

 private:
  static std::unique_ptr<test::TemporaryDirectory> folder_;
};
std::unique_ptr<test::TemporaryDirectory> Adapt::folder_;

TEST_F(Adapt, ProjectionsBecomeMeru) { round_trip("projections", "meru"); }
TEST_F(Adapt, LoraBecomesMeru) { round_trip("lora", "meru"); }
TEST_F(Adapt, ProjectionsKeepAClipsRoot) { round_trip("projections", "clip"); }

TEST_F(Adapt, DeltaHoldsOnlyWhatWasTrained) {
  const train::Distributed alone;
  const TrainedModel trained = train_model(recipe("projections"), {.run = path("small")}, alone);
  const io::StateDict delta = io::read_safetensors(trained.file);
  std::set<std::string> names;
  for (const auto& [name, tensor] : delta.tensors) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"logit_scale", "visual_proj.weight", "textual_proj.weight", "curv",
                                          "visual_alpha", "textual_alpha"}));
  EXPECT_EQ(delta.metadata.at("method"), "projections");
  EXPECT_LT(fs::file_size(trained.file), fs::file_size(path("clip.safetensors")) / 10);
}

TEST_F(Adapt, AnotherFoundationIsRefusedUnlessAllowed) {
  const train::Distributed alone;
  const TrainedModel trained = train_model(recipe("projections"), {.run = path("refused")}, alone);
  ModelFiles files{.weights = path("other.safetensors").string(), .delta = trained.file.string()};
  EXPECT_NE(error_of([&] { Embedder::open(files, Compute{}); }).find("--allow-foundation"), std::string::npos);
  files.allow_foundation = true;
  EXPECT_EQ(error_of([&] { Embedder::open(files, Compute{}); }), "");
}

TEST_F(Adapt, FeaturesAreComputedOnceAndKeptWhereTheRunStopped) {
  const train::Distributed alone;
  const fs::path run = path("cached"), part = run / "features" / "part_00000.safetensors";
  train_model(recipe("projections", "meru", 2), {.run = run}, alone);
  EXPECT_EQ(io::read_safetensors(part).at("image").sizes(), (at::IntArrayRef{48, 16}));  // two views of 24 pairs
  const auto written = fs::last_write_time(part);
  fs::remove(run / "features" / "complete.json");  // as if stopped before the last line
  EXPECT_EQ(train_model(recipe("projections"), {.run = run, .resume = true}, alone).result.step, 4);
  EXPECT_EQ(fs::last_write_time(part), written);
  EXPECT_FALSE(fs::exists(run / "features" / "part_00001.safetensors"));
  EXPECT_TRUE(fs::exists(run / "features" / "complete.json"));
}

TEST_F(Adapt, ResumesBitForBit) {
  const train::Distributed alone;
  for (const std::string method : {"projections", "lora"}) {
    const fs::path run = path("resumed_" + method);
    const TrainedModel whole = train_model(recipe(method), {.run = run}, alone);
    const at::Tensor expected = io::read_safetensors(whole.file).at("visual_proj.weight").clone();
    fs::remove(whole.file);
    fs::remove_all(run / "checkpoints" / "step_00000004");
    write_file(run / "checkpoints" / "last", "step_00000002\n");
    const TrainedModel resumed = train_model(recipe(method), {.run = run, .resume = true}, alone);
    EXPECT_TRUE(at::equal(io::read_safetensors(resumed.file).at("visual_proj.weight"), expected)) << method;
  }
}

TEST_F(Adapt, BadRecipesAreOneSentence) {
  EXPECT_NE(error_of([] { io::parse_recipe<Recipe>("peft: {method: lora}\n", "test"); }).find("foundation"),
            std::string::npos);
  EXPECT_NE(
      error_of([] { io::parse_recipe<Recipe>("foundation: x.pt\nmodel: {embed_dim: 8}\n", "test"); }).find("embed_dim"),
      std::string::npos);
  EXPECT_NE(error_of([] {
              io::parse_recipe<Recipe>("foundation: x.pt\npeft: {method: lora, rank: 0}\n", "test");
            }).find("rank"),
            std::string::npos);
  const train::Distributed alone;
  LoadedRecipe missing = recipe("lora"), target = recipe("lora"), batch = recipe("projections");
  missing.recipe.foundation = "nowhere.pt";
  EXPECT_NE(error_of([&] { train_model(missing, {}, alone); }).find("docs/weights.md"), std::string::npos);
  target.recipe.peft.targets = {"*.atn.*"};
  EXPECT_NE(error_of([&] { train_model(target, {}, alone); }).find("peft.targets"), std::string::npos);
  batch.recipe.train.batch = 25;
  EXPECT_NE(error_of([&] { train_model(batch, {}, alone); }).find("train.batch"), std::string::npos);
}

}  // namespace
}  // namespace cambium::systems::meru
