#include "models/clip/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/random.h"
#include "io/safetensors.h"
#include "io/weights_file.h"
#include "models/clip/foreign_config.h"
#include "models/clip/options_json.h"
#include "nn/load.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::clip {
namespace {

std::filesystem::path fixture(const std::string& name) { return test::source_dir() / "tests/fixtures/clip" / name; }

at::Tensor normalized(const at::Tensor& x) { return x / x.norm(2, {-1}, true); }

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

// What transformers' CLIPModel computed with the same weights.
void expect_outputs(CLIP& model, const std::string& expected_file) {
  const io::StateDict expected = io::read_safetensors(fixture(expected_file));
  const at::NoGradGuard no_grad;
  const at::Tensor pixels = expected.at("pixels"), ids = expected.at("ids");
  EXPECT_LT(largest_difference(model.encode_image(pixels), normalized(expected.at("image_embeds"))), 5e-6);
  EXPECT_LT(largest_difference(model.encode_text(ids), normalized(expected.at("text_embeds"))), 5e-6);
  EXPECT_LT(largest_difference(model.textual()->forward_tokens(ids, at::kFloat), expected.at("text_last_hidden_state")),
            5e-6);
  const auto& o = model.options();
  const auto channels = [](const std::array<float, 3>& v) {
    return at::tensor(c10::ArrayRef<float>(v.data(), 3)).view({3, 1, 1});
  };
  const at::Tensor images = (pixels - channels(o.pixel_mean)) / channels(o.pixel_std);
  EXPECT_LT(largest_difference(model.visual()->forward_tokens(images), expected.at("vision_last_hidden_state")), 5e-6);
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Weights, HuggingFaceFolder) {
  const Weights weights = read_weights(fixture("hugging_face"));
  EXPECT_EQ(weights.layout, Layout::hugging_face);
  const CLIPOptions& o = weights.options;
  EXPECT_EQ(o.visual.width, 32);
  EXPECT_EQ(o.visual.heads, 4);
  EXPECT_EQ(o.visual.image_size, 16);
  EXPECT_EQ(o.visual.patch, 4);
  EXPECT_EQ(o.visual.hidden(), 64);
  EXPECT_TRUE(o.visual.pre_norm);
  EXPECT_FALSE(o.visual.patch_bias);
  EXPECT_EQ(o.visual.pos_embed, PosEmbed::learned);
  EXPECT_EQ(o.visual.activation, nn::Activation::gelu);
  EXPECT_EQ(o.textual.heads, 3);
  EXPECT_EQ(o.textual.context, 10);
  EXPECT_EQ(o.embed_dim, 20);
  EXPECT_FLOAT_EQ(o.pixel_mean[0], 0.48145466f);
  expect_outputs(*open(fixture("hugging_face")), "hugging_face_expected.safetensors");
}

TEST(Weights, HuggingFaceFileAloneIsQuickGelu) {
  const test::TemporaryDirectory folder;
  std::filesystem::copy(fixture("hugging_face/model.safetensors"), folder.path() / "alone.safetensors");
  const Weights weights = read_weights(folder.path() / "alone.safetensors");
  EXPECT_EQ(weights.options.visual.activation, nn::Activation::quick_gelu);
  // With what the file does not say, it is the same model.
  const auto model = open(folder.path() / "alone.safetensors",
                          {.activation = nn::Activation::gelu, .visual_heads = 4, .textual_heads = 3});
  expect_outputs(*model, "hugging_face_expected.safetensors");
}

TEST(Weights, OpenAiArchive) {
  const Weights weights = read_weights(fixture("openai.pt"));
  EXPECT_EQ(weights.layout, Layout::openai);
  EXPECT_EQ(weights.options.visual.activation, nn::Activation::quick_gelu);
  EXPECT_EQ(weights.options.textual.activation, nn::Activation::quick_gelu);
  EXPECT_EQ(weights.options.visual.heads, 1);
  const auto model = open(fixture("openai.pt"));
  EXPECT_FLOAT_EQ(model->logit_scale().item<float>(), 1.5f);
  expect_outputs(*model, "openai_expected.safetensors");
}

TEST(Weights, OpenClipFolder) {
  // The OpenAI fixture's tensors as open_clip would publish them.
  const test::TemporaryDirectory folder;
  const Weights source = read_weights(fixture("openai.pt"));
  io::write_safetensors(folder.path() / "open_clip_model.safetensors", from_canonical(source.state, Layout::openai));
  EXPECT_EQ(read_weights(folder.path()).options.visual.activation,
            nn::Activation::gelu);  // no config: open_clip's default
  write_file(folder.path() / "open_clip_config.json", R"({"model_cfg": {"embed_dim": 16, "quick_gelu": true,
      "vision_cfg": {"head_width": 64}, "text_cfg": {"heads": 1}}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.25, 0.5]}})");
  const Weights weights = read_weights(folder.path());
  EXPECT_EQ(weights.layout, Layout::openai);
  EXPECT_EQ(weights.options.visual.activation, nn::Activation::quick_gelu);
  EXPECT_FLOAT_EQ(weights.options.pixel_std[1], 0.25f);
  EXPECT_FLOAT_EQ(weights.state.at("pixel_std").flatten()[1].item<float>(), 0.25f);

  write_file(folder.path() / "open_clip_config.json", R"({"model_cfg": {"vision_cfg": {"timm_model_name": "vit"}}})");
  EXPECT_NE(error_of([&] { read_weights(folder.path()); }).find("timm"), std::string::npos);
}

TEST(Weights, LayoutsRoundTripBitForBit) {
  const Weights source = read_weights(fixture("openai.pt"));
  for (const Layout layout : {Layout::openai, Layout::hugging_face}) {
    const io::StateDict there = from_canonical(source.state, layout);
    EXPECT_EQ(detect_layout(there), layout);
    const io::StateDict back = to_canonical(there, layout);
    for (const auto& [name, tensor] : back.tensors) EXPECT_TRUE(at::equal(tensor, source.state.at(name))) << name;
    EXPECT_EQ(back.tensors.size() + 3, source.state.tensors.size());  // less pixel_mean, pixel_std, attn_mask
  }
}

TEST(Weights, ConvertedFolderOpensAgain) {
  const test::TemporaryDirectory folder;
  const Weights source = read_weights(fixture("openai.pt"));
  io::write_safetensors(folder.path() / "model.safetensors", from_canonical(source.state, Layout::hugging_face));
  write_file(folder.path() / "config.json", hugging_face_config(source.options).dump());
  write_file(folder.path() / "preprocessor_config.json", hugging_face_preprocessor(source.options).dump());
  const Weights weights = read_weights(folder.path());
  EXPECT_EQ(to_json(weights.options), to_json(source.options));
  expect_outputs(*open(folder.path()), "openai_expected.safetensors");
}

// OpenAI's activation and pixel statistics are in no tensor: the header must carry them through every layout.
TEST(Weights, RelabelledWeightsComputeTheSame) {
  const test::TemporaryDirectory folder;
  for (const Layout target : {Layout::meru, Layout::openai, Layout::hugging_face}) {
    const auto file = folder.path() / (layout_name(target) + ".safetensors");
    io::StateDict state = relabel(io::load_weights(fixture("openai.pt")), target, {});
    io::write_safetensors(file, state);
    const auto model = open(file);
    EXPECT_EQ(model->options().visual.activation, nn::Activation::quick_gelu) << layout_name(target);
    EXPECT_EQ(model->options().pixel_mean, read_weights(fixture("openai.pt")).options.pixel_mean)
        << layout_name(target);
    expect_outputs(*model, "openai_expected.safetensors");
  }
}

TEST(Weights, OwnCheckpointsKeepTheirOptions) {
  const test::TemporaryDirectory folder;
  const CLIPOptions options{
      .visual = {.image_size = 32, .patch = 8, .width = 48, .depth = 1, .heads = 6, .conv_stem = {8, 16}},
      .textual = {.vocabulary = 60,
                  .context = 9,
                  .width = 24,
                  .layers = 1,
                  .heads = 3,
                  .activation = nn::Activation::quick_gelu},
      .embed_dim = 16};
  const auto model = std::make_shared<CLIP>(options);
  auto generator = make_generator(4);
  model->initialize(generator);
  const auto file = folder.path() / "model.safetensors";
  io::write_safetensors(file, nn::state_tensors(*model), {{kOptionsKey, to_json(options).dump()}});
  const auto again = open(file);
  EXPECT_EQ(to_json(again->options()), to_json(options));
  const at::NoGradGuard no_grad;
  at::Tensor pixels = at::empty({2, 3, 32, 32});
  uniform_(pixels, 0, 1, generator);
  EXPECT_TRUE(at::equal(again->encode_image(pixels), model->encode_image(pixels)));

  // Without the metadata: sizes from the shapes, the fixed positions recognised, heads guessed.
  io::write_safetensors(file, nn::state_tensors(*model));
  const CLIPOptions guessed = read_weights(file).options;
  EXPECT_EQ(guessed.visual.conv_stem, options.visual.conv_stem);
  EXPECT_EQ(guessed.visual.image_size, 32);
  EXPECT_EQ(guessed.visual.pos_embed, PosEmbed::fixed_sincos);
  EXPECT_EQ(guessed.visual.heads, 1);
}

TEST(Weights, ConversionNamesWhatHasNoPlace) {
  const CLIP model({.visual = {.image_size = 32, .width = 32, .depth = 1, .heads = 4},
                    .textual = {.vocabulary = 60, .context = 9, .width = 24, .layers = 1, .heads = 3}});
  const io::StateDict state{.source = "m.safetensors", .tensors = nn::state_tensors(model)};
  EXPECT_NE(error_of([&] {
              from_canonical(state, Layout::openai);
            }).find("no place for the tensor visual.patch_embed.proj.bias"),
            std::string::npos);
}

TEST(Weights, UnknownLayoutNamesTheClosest) {
  const io::StateDict resnet{.source = "rn50.pt",
                             .tensors = {{"visual.layer1.0.conv1.weight", at::zeros({1})},
                                         {"ln_final.weight", at::zeros({1})},
                                         {"transformer.resblocks.0.ln_1.weight", at::zeros({1})}}};
  const std::string text = error_of([&] { detect_layout(resnet); });
  EXPECT_NE(text.find("rn50.pt"), std::string::npos) << text;
  EXPECT_NE(text.find("closest is OpenAI's"), std::string::npos) << text;
  EXPECT_NE(error_of([] { detect_layout({.source = "x", .tensors = {{"a", at::zeros({1})}}}); }).find("no name"),
            std::string::npos);
}

class HostileWeights : public testing::Test {
 protected:
  void SetUp() override { state = io::read_safetensors(fixture("hugging_face/model.safetensors")); }
  std::string error() {
    return error_of([&] { interpret_weights(state, {}); });
  }
  io::StateDict state;
};

TEST_F(HostileWeights, WrongDimensions) {
  state.insert("vision_model.embeddings.position_embedding.weight", at::zeros({17}));
  EXPECT_NE(error().find("visual.pos_embed"), std::string::npos) << error();
}
TEST_F(HostileWeights, NotASquareGrid) {
  state.insert("vision_model.embeddings.position_embedding.weight", at::zeros({13, 32}));
  EXPECT_NE(error().find("square"), std::string::npos) << error();
}
TEST_F(HostileWeights, EmptyTensor) {
  state.insert("text_model.embeddings.token_embedding.weight", at::zeros({0, 24}));
  EXPECT_NE(error().find("textual.token_embed.weight"), std::string::npos) << error();
}
TEST_F(HostileWeights, MissingThird) {
  std::erase_if(state.tensors,
                [](const auto& item) { return item.first == "text_model.encoder.layers.1.self_attn.k_proj.bias"; });
  EXPECT_NE(error().find("q, k and v"), std::string::npos) << error();
}
TEST_F(HostileWeights, NoTextTower) {
  std::erase_if(state.tensors, [](const auto& item) { return item.first.starts_with("text_model."); });
  EXPECT_NE(error().find("textual.token_embed.weight"), std::string::npos) << error();
}
TEST_F(HostileWeights, UnevenThirds) {
  state.insert("text_model.encoder.layers.1.self_attn.k_proj.weight", at::zeros({24, 7}));
  EXPECT_NE(error(), "");
}
TEST_F(HostileWeights, WrongTypesInConfig) {
  const test::TemporaryDirectory folder;
  std::filesystem::copy(fixture("hugging_face/model.safetensors"), folder.path() / "model.safetensors");
  for (const char* text :
       {"[]", "{", R"({"vision_config": 3})", R"({"vision_config": {"num_attention_heads": "x"}})",
        R"({"vision_config": {"num_attention_heads": 0}})", R"({"text_config": {"hidden_act": "relu"}})",
        R"({"text_config": {"layer_norm_eps": 0.1}})", R"({"vision_config": {"num_attention_heads": 5}})"}) {
    write_file(folder.path() / "config.json", text);
    EXPECT_NE(error_of([&] { read_weights(folder.path()); }), "") << text;
  }
}

TEST(Towers, ATextTowerAloneComesBackFromHuggingFacesNames) {
  const Weights whole = read_weights(fixture("hugging_face"));
  io::StateDict tower;
  for (const auto& [name, tensor] : tower_state(whole.state, "textual.").tensors)
    tower.tensors.emplace_back("textual." + name, tensor);
  EXPECT_NE(error_of([&] { from_canonical(tower, Layout::hugging_face); }), "");
  const io::StateDict theirs = from_canonical(tower, Layout::hugging_face, "textual.");
  EXPECT_TRUE(theirs.contains("text_model.encoder.layers.1.self_attn.k_proj.bias"));
  const io::StateDict back = tower_state(to_canonical(theirs, Layout::hugging_face), "textual.");
  TextTransformer model(whole.options.textual);
  nn::load_state(model, back, {.may_miss = {"attn_mask"}});
  for (const auto& [name, tensor] : back.tensors) EXPECT_TRUE(at::equal(tensor, tower.at("textual." + name))) << name;
}

TEST(Towers, OptionsByTransformersConfigurations) {
  const auto text = [](const char* json) {
    return hugging_face_text_options(nlohmann::json::parse(json), "config.json");
  };
  const TextTransformerOptions defaults = text("{}");  // what transformers leaves out
  EXPECT_EQ(defaults.width, 512);
  EXPECT_EQ(defaults.hidden(), 2048);
  EXPECT_EQ(defaults.activation, nn::Activation::quick_gelu);
  const TextTransformerOptions wide{.width = 64, .layers = 23, .heads = 4, .mlp_width = 128};
  const TextTransformerOptions back = hugging_face_text_options(hugging_face_text_config(wide), "config.json");
  EXPECT_EQ(back.layers, 23);
  EXPECT_EQ(back.heads, 4);
  EXPECT_EQ(back.hidden(), 128);
  EXPECT_EQ(back.activation, nn::Activation::gelu);
  for (const char* bad : {R"({"hidden_size": "x"})", R"({"num_hidden_layers": 0})", R"({"hidden_act": "relu"})",
                          R"({"layer_norm_eps": 0.1})", R"({"num_attention_heads": 7})"})
    EXPECT_NE(error_of([&] { text(bad); }), "") << bad;
}

TEST(OptionsJson, RefusesUnknownAndWrong) {
  const auto bad = [](const char* text) {
    return error_of([&] { options_from_json(nlohmann::json::parse(text), "file"); });
  };
  EXPECT_EQ(bad("{}"), "");
  for (const char* text :
       {"[]", R"({"embed": 3})", R"({"embed_dim": "x"})", R"({"visual": {"pool": "max"}})",
        R"({"visual": {"activation": "relu"}})", R"({"textual": {"depth": 3}})", R"({"pixel_mean": [1]})"}) {
    EXPECT_NE(bad(text), "") << text;
  }
}

}  // namespace
}  // namespace cambium::clip
