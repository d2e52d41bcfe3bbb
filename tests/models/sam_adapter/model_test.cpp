#include "models/sam_adapter/model.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam_adapter/tiny_sam.h"
#include "models/sam_adapter/visual_prompts.h"
#include "models/sam_adapter/weights.h"
#include "peft/select.h"

namespace cambium::sam_adapter {
namespace {

using Adaptor = PromptGeneratorOptions::Adaptor;
using Layout = PromptGeneratorOptions::EmbeddingLayout;

std::shared_ptr<SamAdapter> make(PromptGeneratorOptions prompts = {.scale_factor = 8}, int64_t classes = 1,
                                 bool keep = true) {
  const auto weights = tiny_weights();
  SamAdapterOptions options{
      .sam = weights.options, .prompts = SamAdapterOptions::fit(prompts, weights.options.encoder), .classes = classes};
  at::Generator generator = make_generator(2);
  return from_sam(weights, options, {.keep_prompt_encoder = keep}, generator);
}

TEST(SamAdapter, GivesOneMaskAtAQuarterOfTheSize) {
  const at::NoGradGuard guard;
  EXPECT_EQ(make()->forward(gaussian({2, 3, 64, 64}, 3)).sizes(), (at::IntArrayRef{2, 1, 32, 32}));
}

TEST(SamAdapter, WithoutPromptsItIsSamWithoutPrompts) {
  const at::NoGradGuard guard;
  const auto weights = tiny_weights();
  at::Generator generator = make_generator(2);
  auto model = from_sam(weights, {.sam = weights.options}, {}, generator);
  const at::Tensor x = gaussian({1, 3, 64, 64}, 4);
  auto sam = sam::build(weights);
  const at::Tensor expected =
      sam->decode(
             sam->encode(x),
             sam::PromptEmbeddings{
                 .sparse = at::zeros({1, 0, 32}),
                 .dense =
                     weights.state.at("prompt_encoder.no_mask_embed.weight").view({1, 32, 1, 1}).expand({1, 32, 8, 8})})
          .low_res;
  EXPECT_LT((model->forward(x) - expected).abs().max().item<double>(), 1e-5);
}

TEST(SamAdapter, TheOriginalDrawsItsOwnPositionBasis) {
  const auto basis = [](const SamAdapter& model) { return model.pe_layer()->named_buffers().front().value().clone(); };
  const at::Tensor own = tiny_weights().state.at("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
  EXPECT_TRUE(at::equal(basis(*make()), own));
  EXPECT_FALSE(at::equal(basis(*make({.scale_factor = 8}, 1, /*keep=*/false)), own));
}

TEST(SamAdapter, CheckpointingGivesTheSameGradients) {
  auto model = make();
  peft::train_only(*model, {"image_encoder.prompt_generator.*", "mask_decoder.*", "no_mask_embed.weight"});
  const at::Tensor x = gaussian({1, 3, 64, 64}, 5);
  std::map<std::string, at::Tensor> plain;
  for (const bool checkpointing : {false, true}) {
    model->set_checkpointing(checkpointing);
    for (auto& p : model->parameters()) p.mutable_grad().reset();
    model->forward(x).square().sum().backward();
    for (const auto& item : model->named_parameters()) {
      const at::Tensor& gradient = item.value().grad();
      if (!item.value().requires_grad()) {
        EXPECT_FALSE(gradient.defined()) << item.key();
      } else if (!checkpointing) {
        plain[item.key()] = gradient.defined() ? gradient.clone() : gradient;
      } else if (plain[item.key()].defined()) {
        EXPECT_LT((gradient - plain[item.key()]).abs().max().item<double>(),
                  1e-4 * (1 + gradient.abs().max().item<double>()))
            << item.key();
      }
    }
  }
  EXPECT_GT(plain["image_encoder.prompt_generator.embedding_generator.weight"].abs().max().item<double>(), 0);
  EXPECT_FALSE(plain["mask_decoder.iou_prediction_head.layers.0.weight"].defined());
  // The masks that are not used: zero, so that they are decayed as the original decays them.
  EXPECT_EQ(plain["mask_decoder.output_hypernetworks_mlps.1.layers.0.weight"].abs().max().item<double>(), 0);
}

TEST(SamAdapter, EveryFormOfThePromptGeneratorRuns) {
  const at::NoGradGuard guard;
  const at::Tensor x = gaussian({1, 3, 64, 64}, 6);
  for (const auto& options : {PromptGeneratorOptions{.scale_factor = 8, .adaptor = Adaptor::fully_shared},
                              PromptGeneratorOptions{.scale_factor = 8, .adaptor = Adaptor::fully_unshared},
                              PromptGeneratorOptions{.scale_factor = 8, .handcrafted_tune = false},
                              PromptGeneratorOptions{.scale_factor = 8, .embedding_tune = false},
                              PromptGeneratorOptions{.scale_factor = 8, .embedding_layout = Layout::official}}) {
    EXPECT_TRUE(make(options)->forward(x).isfinite().all().item<bool>());
  }
  EXPECT_THROW(make({.scale_factor = 64}), UsageError);
  EXPECT_THROW(make({.handcrafted_tune = false, .embedding_tune = false}), UsageError);
}

TEST(SamAdapter, SeveralClassesGetATokenEach) {
  const at::NoGradGuard guard;
  for (const int64_t classes : {2, 3, 6}) {
    auto model = make({.scale_factor = 8}, classes);
    EXPECT_EQ(model->forward(gaussian({1, 3, 64, 64}, 7)).sizes(), (at::IntArrayRef{1, classes, 32, 32}));
    // The background's token is SAM's mask 0.
    const at::Tensor tokens = tiny_weights().state.at("mask_decoder.mask_tokens.weight");
    EXPECT_TRUE(at::equal(model->mask_decoder()->named_parameters()["mask_tokens.weight"][0], tokens[0]));
  }
}

TEST(SamAdapter, ThePrefixAndTheRestMakeTheWhole) {
  const at::NoGradGuard guard;
  const auto weights = tiny_weights();
  at::Generator generator = make_generator(2);
  auto model = from_sam(weights, {.sam = weights.options}, {}, generator);
  const at::Tensor x = gaussian({1, 3, 64, 64}, 8), whole = model->forward(x);
  EXPECT_LT((model->decode(model->encode_from(model->encode_prefix(x, 2), 2)) - whole).abs().max().item<double>(),
            1e-5);
  EXPECT_THROW(make()->encode_prefix(x, 1), Error);
}

TEST(SamAdapter, VisualPromptsChangeTheAnswerAndAreTrained) {
  const auto weights = tiny_weights();
  at::Generator generator = make_generator(2);
  auto model = from_sam(weights, {.sam = weights.options}, {}, generator);
  const at::Tensor x = gaussian({1, 3, 64, 64}, 9), before = model->forward(x).detach();
  auto prompts = std::make_shared<VisualPrompts>(4, 3, 32, 8);
  prompts->initialize(generator);
  model->image_encoder()->register_module("visual_prompts", prompts);
  model->set_injection(prompts);
  peft::train_only(*model, {"image_encoder.visual_prompts.*"});
  model->set_checkpointing(true);
  const at::Tensor after = model->forward(x);
  EXPECT_GT((after - before).abs().max().item<double>(), 1e-6);
  after.square().sum().backward();
  for (int64_t block = 0; block < 3; ++block)
    EXPECT_GT(prompts->prompts.grad()[block].abs().max().item<double>(), 0) << block;
}

TEST(SamAdapter, AWholeCheckpointComesBackWithItsOptions) {
  const at::NoGradGuard guard;
  auto model = make({.scale_factor = 8, .embedding_layout = Layout::official}, 1, /*keep=*/false);
  io::StateDict state{.source = "checkpoint.pth"};
  for (const auto& [name, tensor] : nn::state_tensors(*model)) state.tensors.emplace_back(name, tensor.detach());
  ASSERT_TRUE(is_sam_adapter(state));
  auto again = open(state);
  EXPECT_EQ(again->options().prompts->scale_factor, 8);
  EXPECT_EQ(again->options().prompts->embedding_layout, Layout::official);
  const at::Tensor x = gaussian({1, 3, 64, 64}, 10);
  EXPECT_TRUE(at::equal(again->forward(x), model->forward(x)));
  EXPECT_FALSE(is_sam_adapter(tiny_weights().state));
  EXPECT_THROW(open(tiny_weights().state), Error);
}

TEST(SamAdapter, OtherEncodersCannotBeAdapted) {
  SamAdapterOptions options{.sam = tiny_sam_options()};
  options.sam.encoder_kind = sam::EncoderKind::tiny_vit;
  EXPECT_THROW(options.validate(), UsageError);
  EXPECT_THROW((SamAdapterOptions{.sam = tiny_sam_options(), .classes = 0}.validate()), UsageError);
}

}  // namespace
}  // namespace cambium::sam_adapter
