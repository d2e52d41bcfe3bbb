#include "systems/sam_adapter/training.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <csignal>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/random.h"
#include "data/masks/transform.h"
#include "io/image.h"
#include "io/image_tensor.h"
#include "io/resize.h"
#include "models/sam_adapter/tiny_sam.h"
#include "support/temporary_directory.h"
#include "systems/sam_adapter/adapted.h"

namespace cambium::systems::sam_adapter {
namespace {

namespace fs = std::filesystem;

// Six pictures with a bright square on dark noise, their masks, and a tiny SAM.
class Training : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(path("images"));
    fs::create_directories(path("masks"));
    fs::create_directories(path("labels"));
    Rng rng(3);
    for (int64_t i = 0; i < 6; ++i) {
      io::Image image(80, 60, 3), mask(80, 60, 1), label(80, 60, 1);
      const int64_t left = rng.below(50), top = rng.below(30);
      for (int64_t y = 0; y < 60; ++y) {
        for (int64_t x = 0; x < 80; ++x) {
          const bool inside = x >= left && x < left + 30 && y >= top && y < top + 30;
          for (int64_t c = 0; c < 3; ++c)
            image.row(y)[3 * x + c] = static_cast<uint8_t>(rng.below(60) + (inside ? 180 : 0));
          mask.row(y)[x] = inside ? 255 : 0;
          label.row(y)[x] = inside ? (x < left + 15 ? 1 : 2) : 0;
        }
      }
      const std::string name = "p" + std::to_string(i);
      write_file(path("images/" + name + ".png"), io::encode_png(image));
      write_file(path("masks/" + name + ".png"), io::encode_png(mask));
      write_file(path("labels/" + name + ".png"), io::encode_png(label));
    }
    cambium::sam_adapter::write_tiny_sam(path("sam.safetensors"));
  }

  fs::path path(const std::string& name) const { return directory_.path() / name; }

  LoadedRecipe recipe(const std::string& peft, const std::vector<std::string>& more = {}) const {
    const std::string text = "foundation: " + path("sam.safetensors").string() + "\npeft: " + peft +
                             "\ndata: {images: " + path("images").string() + ", masks: " + path("masks").string() +
                             ", threads: 0, empty_masks: true}\n" +
                             "train: {steps: 4, batch: 2, lr: 1.0e-2, log_every: 1}\n";
    write_file(path("recipe.yaml"), text);
    return io::load_recipe<Recipe>(path("recipe.yaml"), more);
  }

  io::Image picture() const {
    const std::string file = path("images/p0.png").string();
    return io::decode_image(read_file(file), file);
  }

  const test::TemporaryDirectory directory_;
  const train::Distributed ranks_;
};

const char* const kMethods[] = {
    "{method: adapter, scale_factor: 8}",
    "{method: lora, rank: 2}",
    "{method: lora, rank: 2, last_blocks: 1}",
    "{method: lora, rank: 2, qkv: '', targets: ['image_encoder.blocks.*.mlp.*', 'image_encoder.blocks.*.attn.*']}",
    "{method: conv_lora, rank: 2, experts: 2}",
    "{method: vpt, tokens: 3}",
    "{method: bitfit}",
    "{method: bitfit, last_blocks: 1}",
    "{method: decoder}"};

TEST_F(Training, EveryMethodTrainsAndItsDeltaComesBack) {
  const auto foundation = Foundation::open(path("sam.safetensors"), {});
  std::vector<at::Tensor> answers;
  for (const char* method : kMethods) {
    const fs::path run = path("run" + std::to_string(answers.size()));
    const TrainedModel trained = train_model(recipe(method, {"train.steps=2"}), {.run = run}, ranks_);
    ASSERT_TRUE(fs::exists(trained.file)) << method;
    EXPECT_EQ(trained.result.step, 2) << method;
    for (const auto& item : trained.adapted.model->named_parameters()) {
      if (!item.value().requires_grad()) {
        EXPECT_FALSE(item.value().grad().defined()) << method << " " << item.key();
      }
    }
    const auto adapted = Adapted::open(foundation, trained.file);
    const at::Tensor mask = adapted->segment(picture());
    EXPECT_EQ(mask.sizes(), (at::IntArrayRef{1, 60, 80})) << method;
    // bfloat16 in the file: close to, not equal to, what was trained.
    const at::NoGradGuard guard;
    const io::Image square = io::resize(picture(), 64, 64, io::Filter::bilinear);
    const at::Tensor x = data::normalise(io::to_tensor(square)).unsqueeze(0);
    const at::Tensor own = cambium::sam_adapter::upscale(
        cambium::sam_adapter::upscale(trained.adapted.model->forward(x), 64, 64), 60, 80)[0];
    EXPECT_LT((own - mask).abs().max().item<double>(), 0.05 * (1 + own.abs().max().item<double>())) << method;
    answers.push_back(mask);
    if (answers.size() > 1) {
      EXPECT_FALSE(at::equal(answers[0], mask)) << method;
    }
  }
}

TEST_F(Training, DeltasOnOneFoundationDoNotDisturbEachOther) {
  const auto foundation = Foundation::open(path("sam.safetensors"), {});
  const auto one = train_model(recipe(kMethods[0]), {.run = path("one")}, ranks_).file;
  const auto two = train_model(recipe(kMethods[1]), {.run = path("two")}, ranks_).file;
  const auto a = Adapted::open(foundation, one);
  const at::Tensor alone = a->segment(picture());
  const auto b = Adapted::open(foundation, two);
  b->segment(picture());
  EXPECT_TRUE(at::equal(a->segment(picture()), alone));
  // They hold the frozen weights together.
  const auto weight = [](const Adapted& adapted) {
    return adapted.model()->image_encoder()->blocks()[0]->attention()->qkv()->weight;
  };
  EXPECT_EQ(weight(*a).const_data_ptr(), weight(*b).const_data_ptr());
  EXPECT_EQ(a->method(), "adapter");
}

TEST_F(Training, LossesFall) {
  for (const char* loss : {"bce", "iou", "bbce"}) {
    const auto loaded = recipe(kMethods[0], {"train.steps=12", std::string("model.loss=") + loss, "train.lr_min=1e-3"});
    const TrainedModel trained = train_model(loaded, {}, ranks_);
    const TrainedModel barely =
        train_model(recipe(kMethods[0], {"train.steps=1", std::string("model.loss=") + loss}), {}, ranks_);
    EXPECT_LT(trained.result.last.at("loss"), 0.8 * barely.result.last.at("loss")) << loss;
  }
}

TEST_F(Training, SeveralClasses) {
  const auto loaded = recipe(kMethods[0], {"model.classes=3", "data.masks=" + path("labels").string(),
                                           "validation.share=0.34", "train.steps=3"});
  const TrainedModel trained = train_model(loaded, {.run = path("run")}, ranks_);
  EXPECT_EQ(Adapted::open(Foundation::open(path("sam.safetensors"), {}), trained.file)->segment(picture()).sizes(),
            (at::IntArrayRef{3, 60, 80}));
  EXPECT_TRUE(fs::exists(path("run/best.safetensors")));
}

TEST_F(Training, ValidatesOnTheWholeHeldOutSetAndKeepsTheBest) {
  train_model(recipe(kMethods[0], {"validation.share=0.34", "train.steps=4"}), {.run = path("run")}, ranks_);
  const auto best = nlohmann::json::parse(read_file(path("run/best.json")));
  EXPECT_EQ(best.at("metric"), "s");
  for (const char* name : {"s", "e", "wf", "mae", "dice", "iou", "ber"})
    EXPECT_TRUE(best.at("scores").contains(name)) << name;
  Adapted::open(Foundation::open(path("sam.safetensors"), {}), path("run/best.safetensors"));
}

TEST_F(Training, OfFewPicturesOneIsHeldOut) {
  train_model(recipe(kMethods[0], {"validation.share=0.1", "train.steps=1"}), {.run = path("run")}, ranks_);
  EXPECT_TRUE(fs::exists(path("run/best.json")));
}

TEST_F(Training, DeltasAreSmall) {
  const auto bytes = [&](const char* peft) {
    const auto file = train_model(recipe(peft, {"train.steps=1"}), {.run = path(peft)}, ranks_).file;
    return static_cast<int64_t>(fs::file_size(file));
  };
  // The tiny decoder's 60 thousand weights, in bfloat16, against the adapter's 1 thousand and the header.
  EXPECT_LT(bytes("{method: adapter, scale_factor: 8, decoder: false}"), 12000);
  EXPECT_LT(bytes("{method: adapter, scale_factor: 8}"), 200000);
}

TEST_F(Training, AResumedRunGivesTheSameBytes) {
  for (const char* method : {kMethods[0], kMethods[8]}) {
    fs::remove_all(path("whole"));
    fs::remove_all(path("parts"));
    train_model(recipe(method), {.run = path("whole")}, ranks_);
    interrupt::request(SIGINT);  // stops after the first step
    EXPECT_THROW(train_model(recipe(method), {.run = path("parts")}, ranks_), Interrupted);
    interrupt::clear();
    train_model(recipe(method), {.run = path("parts"), .resume = true}, ranks_);
    EXPECT_EQ(read_file(path("whole/delta.safetensors")), read_file(path("parts/delta.safetensors"))) << method;
  }
}

TEST_F(Training, AccumulationIsTheBatch) {
  const auto loss = [&](const char* name, int64_t micro) {
    return train_model(recipe(kMethods[0], {"train.steps=1", std::string("model.loss=") + name,
                                            "train.micro_batch=" + std::to_string(micro)}),
                       {}, ranks_)
        .result.last;
  };
  // bbce weighs by the whole batch's foreground.
  for (const char* name : {"iou", "bbce"}) {
    EXPECT_NEAR(loss(name, 1).at("loss"), loss(name, 2).at("loss"), 1e-5) << name;
    EXPECT_NEAR(loss(name, 1).at("grad_norm"), loss(name, 2).at("grad_norm"), 1e-3 * loss(name, 2).at("grad_norm"))
        << name;
  }
}

TEST_F(Training, OfficialDrawsABasisAndKeepsItInTheDelta) {
  const TrainedModel trained = train_model(recipe(kMethods[0], {"compat=official"}), {.run = path("run")}, ranks_);
  const auto adapted = Adapted::open(Foundation::open(path("sam.safetensors"), {}), trained.file);
  const auto basis = [](const cambium::sam_adapter::SamAdapter& model) {
    return model.pe_layer()->named_buffers().front().value();
  };
  EXPECT_TRUE(at::equal(basis(*adapted->model()), basis(*trained.adapted.model)));
}

TEST_F(Training, TheDryRunSaysWhatItTakes) {
  for (const char* method : {kMethods[0], kMethods[8]}) {
    const train::DryRunReport dry = dry_run_model(recipe(method), {}, ranks_);
    EXPECT_TRUE(dry.measured) << method;
    EXPECT_GT(dry.trainable_parameters, 1000) << method;
    EXPECT_GT(dry.total_parameters, dry.trainable_parameters) << method;
    EXPECT_EQ(dry.steps, 4) << method;
  }
}

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(Training, BadInputIsOneSentence) {
  const auto train = [&](const std::vector<std::string>& set) {
    return error_of([&] { train_model(recipe(kMethods[0], set), {}, ranks_); });
  };
  EXPECT_NE(train({"foundation=''"}).find("foundation"), std::string::npos);
  EXPECT_NE(train({"data.images=''"}).find("data.images"), std::string::npos);
  EXPECT_NE(train({"train.batch=3", "train.micro_batch=2"}).find("train.micro_batch"), std::string::npos);
  EXPECT_NE(train({"model.image_size=60"}).find("model.image_size"), std::string::npos);
  EXPECT_NE(train({"validation.share=0.1", "data.only=p0"}).find("validation.share"), std::string::npos);
  EXPECT_NE(
      error_of([&] { train_model(recipe("{method: lora, last_blocks: 9}"), {}, ranks_); }).find("peft.last_blocks"),
      std::string::npos);
}

TEST_F(Training, ADeltaBelongsToItsFoundation) {
  const auto file = train_model(recipe(kMethods[0]), {.run = path("run")}, ranks_).file;
  cambium::sam_adapter::write_tiny_sam(path("other.safetensors"), /*seed=*/9);
  const auto other = Foundation::open(path("other.safetensors"), {});
  EXPECT_NE(error_of([&] { Adapted::open(other, file); }).find("foundation"), std::string::npos);
  Adapted::open(other, file, /*allow=*/true);
  EXPECT_NE(error_of([&] { Adapted::open(other, path("sam.safetensors")); }), "");
}

}  // namespace
}  // namespace cambium::systems::sam_adapter
