#include "models/sam/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "io/safetensors.h"
#include "io/weights_file.h"
#include "models/sam/small_sam.h"
#include "models/sam/tiny_vit.h"
#include "nn/load.h"
#include "peft/fingerprint.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::sam {
namespace {

std::filesystem::path fixture(const std::string& name) { return test::source_dir() / "tests/fixtures/sam" / name; }

io::StateDict state_of(const Sam& model) {
  io::StateDict state{.source = "test.pth"};
  for (const auto& [name, tensor] : nn::state_tensors(model)) state.tensors.emplace_back(name, tensor.detach());
  return state;
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

void expect_same(const SamOptions& a, const SamOptions& b) {
  EXPECT_EQ(a.encoder_kind, b.encoder_kind);
  EXPECT_EQ(a.encoder.image_size, b.encoder.image_size);
  EXPECT_EQ(a.encoder.patch, b.encoder.patch);
  EXPECT_EQ(a.encoder.out_channels, b.encoder.out_channels);
  if (a.encoder_kind == EncoderKind::vit) {
    EXPECT_EQ(a.encoder.width, b.encoder.width);
    EXPECT_EQ(a.encoder.depth, b.encoder.depth);
    EXPECT_EQ(a.encoder.heads, b.encoder.heads);
    EXPECT_EQ(a.encoder.mlp_width, b.encoder.mlp_width);
    EXPECT_EQ(a.encoder.window, b.encoder.window);
    EXPECT_EQ(a.encoder.global_blocks, b.encoder.global_blocks);
  }
  EXPECT_EQ(a.prompt.width, b.prompt.width);
  EXPECT_EQ(a.prompt.mask_channels, b.prompt.mask_channels);
  EXPECT_EQ(a.prompt.image_size, b.prompt.image_size);
  EXPECT_EQ(a.decoder.width, b.decoder.width);
  EXPECT_EQ(a.decoder.depth, b.decoder.depth);
  EXPECT_EQ(a.decoder.mlp_width, b.decoder.mlp_width);
  EXPECT_EQ(a.decoder.downsample, b.decoder.downsample);
  EXPECT_EQ(a.decoder.masks, b.decoder.masks);
  EXPECT_EQ(a.decoder.iou_hidden, b.decoder.iou_hidden);
  EXPECT_EQ(a.decoder.iou_depth, b.decoder.iou_depth);
  EXPECT_EQ(a.decoder.hq_encoder_width, b.decoder.hq_encoder_width);
}

TEST(SamWeights, SizesAreTakenFromTheTensors) {
  for (const char* size : {"vit_b", "vit_l", "vit_h"}) {
    const SamOptions options = SamOptions::named(size);
    expect_same(options_of(state_of(Sam(options))), options);
  }
  SamOptions small = small_options();
  small.decoder.hq_encoder_width = 32;
  small.encoder.mlp_width = 48;
  expect_same(options_of(state_of(Sam(small))), small);
  const SamOptions mobile{.encoder_kind = EncoderKind::tiny_vit};
  expect_same(options_of(state_of(Sam(mobile))), mobile);
}

TEST(SamWeights, HeadsOfTheDecoderAreInOurFiles) {
  const test::TemporaryDirectory folder;
  const auto model = small_sam();
  io::write_safetensors(folder.path() / "small.safetensors", nn::state_tensors(*model), metadata_of(model->options()));
  const auto opened = open(folder.path() / "small.safetensors");
  EXPECT_EQ(opened->options().decoder.heads, 4);
  const at::NoGradGuard no_grad;
  const at::Tensor image = at::randn({1, 3, 64, 64});
  const Prompts prompts{.boxes = at::tensor({1.0f, 2.0f, 30.0f, 40.0f}).view({1, 4})};
  EXPECT_TRUE(opened->decode(opened->encode(image), prompts)
                  .low_res.equal(model->decode(model->encode(image), prompts).low_res));

  const auto half =
      open(folder.path() / "small.safetensors", {.param_dtype = at::kBFloat16, .compute_dtype = at::kBFloat16});
  EXPECT_EQ(half->named_parameters()["image_encoder.blocks.0.attn.qkv.weight"].scalar_type(), at::kBFloat16);
  EXPECT_EQ(half->named_parameters()["image_encoder.blocks.0.attn.rel_pos_h"].scalar_type(), at::kFloat);
  EXPECT_EQ(half->encode(image).embedding.scalar_type(), at::kBFloat16);
}

TEST(SamWeights, HuggingFaceFolder) {
  const Weights weights = read_weights(fixture("hugging_face"));
  EXPECT_EQ(weights.layout, Layout::hugging_face);
  const auto model = open(fixture("hugging_face"));
  const io::StateDict expected = io::read_safetensors(fixture("hugging_face_expected.safetensors"));
  const at::NoGradGuard no_grad;
  const ImageFeatures features = model->encode(expected.at("pixel_values"));
  const auto error = [](const at::Tensor& a, const at::Tensor& b) {
    EXPECT_EQ(a.sizes(), b.sizes());
    return ((a - b).abs().max() / b.abs().max()).item<double>();
  };
  EXPECT_LT(error(features.embedding, expected.at("image_embeddings")), 1e-5);
  const MaskOutput points = model->decode(
      features, Prompts{.points = expected.at("points"), .labels = expected.at("labels")}, {.multimask = true});
  EXPECT_LT(error(points.low_res, expected.at("points.low_res")), 1e-5);
  EXPECT_LT(error(points.iou, expected.at("points.iou")), 1e-5);
  const MaskOutput box = model->decode(features, Prompts{.boxes = expected.at("boxes"), .masks = expected.at("masks")});
  EXPECT_LT(error(box.low_res, expected.at("box.low_res")), 1e-5);
}

TEST(SamWeights, LightFilesMayLackWhatIsNotUsed) {
  io::StateDict state = state_of(Sam(SamOptions{.encoder_kind = EncoderKind::tiny_vit}));
  std::erase_if(state.tensors, [](const auto& item) {
    return item.first.starts_with("image_encoder.head.") || item.first.ends_with("num_batches_tracked");
  });
  state.tensors.emplace_back("image_encoder.layers.1.blocks.0.attn.attention_bias_idxs",
                             at::zeros({49, 49}, at::kLong));
  EXPECT_EQ(error_of([&] { build(interpret_weights(state)); }), "");
}

TEST(SamWeights, ErrorsNameTheFault) {
  const auto model = small_sam();
  const io::StateDict whole = state_of(*model);
  const auto without = [&](const std::string& name) {
    io::StateDict state = whole;
    std::erase_if(state.tensors, [&](const auto& item) { return item.first == name; });
    return error_of([&] { build(interpret_weights(state)); });
  };
  EXPECT_NE(without("image_encoder.blocks.1.norm2.bias").find("missing (image_encoder.blocks.1.norm2.bias [32])"),
            std::string::npos);
  EXPECT_NE(without("mask_decoder.mask_tokens.weight").find("no layout of Segment Anything"), std::string::npos);
  const auto with = [&](const std::string& name, const at::Tensor& tensor) {
    io::StateDict state = whole;
    state.insert(name, tensor);
    return error_of([&] { build(interpret_weights(state)); });
  };
  EXPECT_NE(with("mask_decoder.extra.weight", at::zeros({2})).find("unexpected (mask_decoder.extra.weight"),
            std::string::npos);
  EXPECT_NE(with("image_encoder.pos_embed", at::zeros({1, 8, 8, 31})).find("[1, 8, 8, 31]"), std::string::npos);
  EXPECT_NE(with("image_encoder.blocks.2.attn.rel_pos_h", at::zeros({7, 16})).find("windows of 3 and of 4"),
            std::string::npos);
  EXPECT_NE(with("image_encoder.neck.0.weight", at::zeros({16, 32, 1, 1})).find("16 channels"), std::string::npos);
  EXPECT_NE(with("mask_decoder.mask_tokens.weight", at::zeros({4})).find("2 dimensions"), std::string::npos);

  io::StateDict adapter = whole;
  std::erase_if(adapter.tensors, [](const auto& item) { return item.first.starts_with("prompt_encoder"); });
  adapter.insert("image_encoder.prompt_generator.shared_mlp.weight", at::zeros({2, 2}));
  EXPECT_NE(error_of([&] { interpret_weights(adapter); }).find("SAM-Adapter checkpoint"), std::string::npos);
  io::StateDict other{.source = "x.pth"};
  other.insert("visual.conv1.weight", at::zeros({2, 2}));
  EXPECT_NE(error_of([&] { interpret_weights(other); }).find("x.pth"), std::string::npos);
  other.insert("image_encoder.trunk.blocks.0.norm1.weight", at::zeros({2}));
  EXPECT_NE(error_of([&] { interpret_weights(other); }).find("SAM 2"), std::string::npos);
  io::StateDict broken = whole;
  broken.metadata["cambium.sam"] = "{\"decoder_heads\": \"four\"}";
  EXPECT_NE(error_of([&] { interpret_weights(broken); }).find("cambium.sam"), std::string::npos);
}

TEST(SamOptions, ValidateNamesTheField) {
  const auto field_of = [](const SamOptions& options) {
    try {
      options.validate();
    } catch (const UsageError& e) {
      return e.info().field;
    }
    return std::string();
  };
  EXPECT_EQ(field_of({}), "");
  EXPECT_EQ(field_of({.encoder = {.image_size = 1000}}), "patch");
  EXPECT_EQ(field_of({.encoder = {.heads = 7}}), "heads");
  EXPECT_EQ(field_of({.encoder = {.global_blocks = {12}}}), "global_blocks");
  EXPECT_EQ(field_of({.decoder = {.heads = 3}}), "decoder.heads");
  EXPECT_EQ(field_of({.decoder = {.width = 128}}), "decoder.width");
  EXPECT_THROW(SamOptions::named("vit_g"), UsageError);
}

TEST(Sam, InitialisationFollowsTheSeed) {
  const auto fingerprint = [](uint64_t seed) {
    return peft::fingerprint(nn::state_tensors(*small_sam(small_options(), seed)));
  };
  EXPECT_EQ(fingerprint(1), fingerprint(1));
  EXPECT_NE(fingerprint(1), fingerprint(2));
  // Nothing is left unfilled: what is allocated is set to NaN first.
  for (const bool mobile : {false, true}) {
    SamOptions options = mobile ? SamOptions{.encoder_kind = EncoderKind::tiny_vit} : small_options();
    options.decoder.hq_encoder_width = mobile ? 160 : 32;
    Sam model(options);
    const at::NoGradGuard no_grad;
    for (auto& parameter : model.parameters()) parameter.fill_(std::nan(""));
    model.prompt_encoder()->named_buffers()["pe_layer.positional_encoding_gaussian_matrix"].fill_(std::nan(""));
    at::Generator generator = make_generator(1);
    model.initialize(generator);
    for (const auto& [name, tensor] : nn::state_tensors(model)) EXPECT_FALSE(tensor.isnan().any().item<bool>()) << name;
  }
}

TEST(Sam, NormalisesAndPads) {
  const at::Tensor rgb = at::tensor({123.675f, 116.28f, 103.53f}).view({3, 1, 1}).expand({3, 2, 3});
  const at::Tensor x = pad_to(normalize(rgb) + 1, 4, 5);
  EXPECT_EQ(x.sizes(), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_NEAR(x.sum().item<float>(), 18, 1e-4);
  EXPECT_EQ(x[0][3][4].item<float>(), 0);
  EXPECT_NEAR(normalize(at::full({3, 1, 1}, 255, at::kByte))[0].item<float>(), (255 - 123.675) / 58.395, 1e-5);
}

TEST(Sam, MobileSamRunsAndHasNoVit) {
  const auto model = small_sam(SamOptions{.encoder_kind = EncoderKind::tiny_vit});
  const at::NoGradGuard no_grad;
  const ImageFeatures features = model->image_encoder()->encode(at::randn({1, 3, 96, 64}), true);
  EXPECT_EQ(features.embedding.sizes(), (std::vector<int64_t>{1, 256, 6, 4}));
  EXPECT_EQ(features.early.sizes(), (std::vector<int64_t>{1, 6, 4, 160}));
  EXPECT_EQ(model->decode(features, Prompts{}).low_res.sizes(), (std::vector<int64_t>{1, 1, 24, 16}));
  EXPECT_THROW(model->vit(), Error);
  EXPECT_THROW(model->image_encoder()->encode(at::randn({1, 3, 90, 64})), Error);
}

}  // namespace
}  // namespace cambium::sam
