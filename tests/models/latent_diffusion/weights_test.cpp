#include "models/latent_diffusion/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "models/latent_diffusion/ldm_file.h"
#include "models/latent_diffusion/options_metadata.h"
#include "models/latent_diffusion/small_model.h"
#include "models/latent_diffusion/weights_writer.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::latent_diffusion {
namespace {

namespace fs = std::filesystem;
using test::says;
using test::sentence;
using test_models::Kind;
using test_models::small_model;

void expect_same(const io::StateDict& found, const io::StateDict& wanted) {
  ASSERT_EQ(found.tensors.size(), wanted.tensors.size());
  for (const auto& [name, tensor] : wanted.tensors) EXPECT_TRUE(at::equal(found.at(name), tensor)) << name;
}

void expect_same_tensors(const Weights& found, const Weights& wanted) {
  expect_same(found.unet.value().state, wanted.unet->state);
  expect_same(found.autoencoder.value().state, wanted.autoencoder->state);
  expect_same(found.text.value().state, wanted.text->state);
}

// All that is written about a model: sizes, heads, activation, schedule.
std::string described(const Weights& weights) { return metadata_of(weights); }

class WeightsTest : public ::testing::TestWithParam<Kind> {
 protected:
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  test::TemporaryDirectory folder_;
};

TEST_P(WeightsTest, ASingleFileOfOursComesBackWhole) {
  const Weights model = small_model(GetParam());
  write_single_file(path("model.safetensors"), model);
  const Weights back = read_weights(path("model.safetensors"));
  EXPECT_EQ(back.layout, Layout::ldm);
  expect_same_tensors(back, model);
  EXPECT_EQ(described(back), described(model));
}

TEST_P(WeightsTest, AFolderComesBackWhole) {
  const Weights model = small_model(GetParam());
  write_diffusers_folder(path("model"), model);
  const Weights back = read_weights(path("model"));
  EXPECT_EQ(back.layout, Layout::diffusers);
  expect_same_tensors(back, model);
  EXPECT_EQ(described(back), described(model));
}

TEST_P(WeightsTest, FromFolderToCheckpointAndBack) {
  const Weights model = small_model(GetParam());
  write_diffusers_folder(path("model"), model);
  write_single_file(path("model.ckpt"), read_weights(path("model")));
  const Weights checkpoint = read_weights(path("model.ckpt"), {.prediction = model.scheduler.prediction});
  expect_same_tensors(checkpoint, model);
  EXPECT_EQ(checkpoint.text->pad, model.text->pad);
  EXPECT_EQ(checkpoint.low_res_scheduler.has_value(), model.low_res_scheduler.has_value());
}

TEST_P(WeightsTest, ModulesTakeTheMappedTensorsOver) {
  const Weights model = small_model(GetParam());
  write_single_file(path("model.safetensors"), model);
  const Weights weights = read_weights(path("model.safetensors"));
  const auto unet = open_unet(weights);
  const auto autoencoder = open_autoencoder(weights);
  const auto text = open_text(weights);
  EXPECT_EQ(unet->named_parameters()["conv_in.weight"].data_ptr(), weights.unet->state.at("conv_in.weight").data_ptr());
  EXPECT_EQ(autoencoder->named_parameters()["decoder.mid_block.attentions.0.to_q.weight"].data_ptr(),
            weights.autoencoder->state.at("decoder.mid_block.attentions.0.to_q.weight").data_ptr());
  EXPECT_EQ(text->named_parameters()["token_embed.weight"].data_ptr(),
            weights.text->state.at("textual.token_embed.weight").data_ptr());
}

TEST_P(WeightsTest, HalfPrecisionFilesServeFullPrecision) {
  const Weights model = small_model(GetParam());
  write_single_file(path("model.safetensors"), model, c10::kHalf);
  const auto unet = open_unet(read_weights(path("model.safetensors")));
  const at::Tensor& weight = unet->named_parameters()["conv_in.weight"];
  EXPECT_EQ(weight.scalar_type(), c10::kFloat);
  EXPECT_TRUE(at::allclose(weight, model.unet->state.at("conv_in.weight"), 1e-3, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Kinds, WeightsTest, ::testing::Values(Kind::sd1, Kind::sd2, Kind::x4), [](const auto& info) {
  return info.param == Kind::sd1 ? "sd1" : info.param == Kind::sd2 ? "sd2" : "x4";
});

class WeightsFolder : public ::testing::Test {
 protected:
  WeightsFolder() { write_diffusers_folder(model_, small_model(Kind::sd1)); }
  void expect_refusal(const std::string& part) const {
    const std::string refusal = sentence([&] { read_weights(model_); });
    EXPECT_TRUE(says(refusal, part));
    EXPECT_TRUE(says(refusal, model_.filename().string()));
  }

  test::TemporaryDirectory folder_;
  fs::path model_ = folder_.path() / "model";
};

TEST_F(WeightsFolder, HalfDownloadedFoldersNameWhatIsMissing) {
  fs::remove(model_ / "vae/diffusion_pytorch_model.safetensors");
  expect_refusal("is only half downloaded: it lacks diffusion_pytorch_model.safetensors");
  fs::remove_all(model_ / "vae");
  expect_refusal("is only half downloaded: it lacks the folder vae");
  fs::remove(model_ / "unet/diffusion_pytorch_model.safetensors");
  fs::create_symlink("../../../blobs/0123", model_ / "unet/diffusion_pytorch_model.safetensors");
  expect_refusal("its download was not finished");
}

TEST_F(WeightsFolder, TheSchedulersConfigurationIsAPartToo) {
  fs::remove(model_ / "scheduler/scheduler_config.json");
  expect_refusal("it lacks scheduler/scheduler_config.json");
  write_file(model_ / "scheduler/scheduler_config.json", R"({"_class_name": "NoSuchScheduler"})");
  expect_refusal("NoSuchScheduler");
}

TEST_F(WeightsFolder, AnIndexWhoseShardIsMissing) {
  fs::remove(model_ / "unet/diffusion_pytorch_model.safetensors");
  write_file(model_ / "unet/diffusion_pytorch_model.safetensors.index.json",
             R"({"weight_map": {"conv_in.weight": "diffusion_pytorch_model-00001-of-00002.safetensors"}})");
  expect_refusal("it lacks diffusion_pytorch_model-00001-of-00002.safetensors");
}

TEST_F(WeightsFolder, DamagedConfigurationsAreNamed) {
  write_file(model_ / "unet/config.json", "[]");
  expect_refusal("config.json");
  write_file(model_ / "model_index.json", "{");
  expect_refusal("model_index.json");
}

TEST_F(WeightsFolder, OtherPipelinesAreNamed) {
  write_file(model_ / "model_index.json", R"({"unet": ["diffusers", "X"], "text_encoder_2": ["transformers", "Y"]})");
  expect_refusal("Stable Diffusion XL");
  write_file(model_ / "model_index.json", R"({"transformer": ["diffusers", "X"]})");
  expect_refusal("a transformer in the place of the U-Net");
}

TEST_F(WeightsFolder, ConfigurationsThatContradictTheTensors) {
  auto config = nlohmann::json::parse(read_file(model_ / "unet/config.json"));
  config["cross_attention_dim"] = 25;
  write_file(model_ / "unet/config.json", config.dump());
  EXPECT_TRUE(says(sentence([&] { open_unet(read_weights(model_)); }), "wrongly shaped"));
}

TEST_F(WeightsFolder, WithoutConfigurationsShapesAreEnough) {
  for (const char* part : {"unet", "vae", "text_encoder"}) fs::remove(model_ / part / "config.json");
  const Weights back = read_weights(model_);
  EXPECT_EQ(back.unet->options.block_out_channels, test_models::unet_sizes(Kind::sd1).block_out_channels);
  EXPECT_EQ(back.text->options.activation, nn::Activation::quick_gelu);
}

TEST_F(WeightsFolder, FullPrecisionComesBeforeHalfAndTheAverageBeforeWhatTrainingLeft) {
  const fs::path unet = model_ / "unet";
  const auto copy_as = [&](const char* name, double value) {
    io::StateDict state = small_model(Kind::sd1).unet->state;
    state.insert("conv_in.bias", at::full({32}, value));
    io::write_safetensors(unet / name, state);
  };
  const auto read = [&](bool ema) {
    return read_weights(model_, {.ema = ema}).unet->state.at("conv_in.bias")[0].item<double>();
  };
  copy_as("diffusion_pytorch_model.safetensors", 1);
  copy_as("diffusion_pytorch_model.fp16.safetensors", 2);
  copy_as("diffusion_pytorch_model.non_ema.safetensors", 3);
  EXPECT_EQ(read(true), 1);
  EXPECT_EQ(read(false), 3);
  fs::remove(unet / "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(read(true), 2);
}

TEST_F(WeightsFolder, TheTokenizersFilesSayWhatPads) {
  write_file(model_ / "tokenizer/special_tokens_map.json", R"({"pad_token": {"content": "!"}})");
  EXPECT_EQ(read_weights(model_).text->pad, kOpenClipPad);
  fs::remove(model_ / "tokenizer/special_tokens_map.json");
  EXPECT_EQ(read_weights(model_).text->pad, kClipPad);  // as tokenizer_config.json says
}

TEST_F(WeightsFolder, OldNamesOfTheAutoencodersAttention) {
  const fs::path file = model_ / "vae/diffusion_pytorch_model.safetensors";
  const io::StateDict now = io::read_safetensors(file);
  const std::vector<std::pair<std::string, std::string>> old = {
      {".to_q.", ".query."}, {".to_k.", ".key."}, {".to_v.", ".value."}, {".to_out.0.", ".proj_attn."}};
  io::StateDict before;
  for (const auto& [name, tensor] : now.tensors) {
    std::string renamed = name;
    for (const auto& [to, from] : old) {
      if (const size_t at = renamed.find(to); at != std::string::npos) renamed.replace(at, to.size(), from);
    }
    before.tensors.emplace_back(renamed, tensor.clone());
  }
  EXPECT_TRUE(before.contains("decoder.mid_block.attentions.0.proj_attn.weight"));
  io::write_safetensors(file, before);
  expect_same(read_weights(model_).autoencoder->state, small_model(Kind::sd1).autoencoder->state);
}

TEST_F(WeightsFolder, PartsOfFoldersAndFilesOfPartsLoadAlone) {
  const Weights folder = read_weights(model_ / "unet");
  EXPECT_TRUE(folder.unet && !folder.autoencoder && !folder.text);
  const Weights file = read_weights(model_ / "vae/diffusion_pytorch_model.safetensors");
  EXPECT_TRUE(!file.unet && file.autoencoder && !file.text);
  EXPECT_TRUE(says(sentence([&] { open_unet(file); }), "holds no U-Net"));
}

TEST_F(WeightsFolder, AFolderOfHuggingFacesCacheIsFollowed) {
  const fs::path cache = folder_.path() / "models--runwayml--stable-diffusion-v1-5";
  fs::create_directories(cache / "snapshots");
  fs::rename(model_, cache / "snapshots/abc");
  EXPECT_TRUE(read_weights(cache).unet.has_value());
}

}  // namespace
}  // namespace cambium::latent_diffusion
