#include "peft/conv_lora.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
#include "peft/toy_model.h"

namespace cambium::peft {
namespace {

struct Grid : torch::nn::Module {
  Grid() {
    layer = register_module("layer", std::make_shared<nn::Linear>(nn::LinearOptions{.in = 12, .out = 16}));
    at::Generator generator = make_generator(3);
    normal_(layer->weight, 0, 0.3, generator);
    normal_(layer->bias, 0, 0.3, generator);
  }
  std::shared_ptr<nn::Linear> layer;
};

ConvLoraOptions options() { return {.rank = 2, .alpha = 2, .experts = 3, .targets = {"layer"}}; }

TEST(ConvLora, BeginsAsTheModelItself) {
  Grid grid;
  const at::Tensor x = draw({2, 5, 4, 12}, 1), before = grid.layer->forward(x).detach();
  at::Generator generator = make_generator(7);
  EXPECT_EQ(add_conv_lora(grid, options(), generator), std::vector<std::string>{"layer"});
  EXPECT_TRUE(at::equal(grid.layer->forward(x), before));
}

TEST(ConvLora, TheGateChoosesOneExpertForEachPicture) {
  Grid grid;
  at::Generator generator = make_generator(7);
  add_conv_lora(grid, options(), generator);
  const at::NoGradGuard guard;
  auto parameters = grid.named_parameters();
  normal_(parameters["layer.conv_lora.b"], 0, 1, generator);
  normal_(parameters["layer.conv_lora.gate"], 0, 5, generator);
  const at::Tensor x = draw({1, 6, 6, 12}, 2), plain = nn::linear(x, grid.layer->weight, grid.layer->bias);
  const at::Tensor z = nn::linear(x, parameters["layer.conv_lora.a"], {});
  const at::Tensor chances = at::softmax(nn::linear(z.mean({1, 2}), parameters["layer.conv_lora.gate"], {}), -1)[0];
  const auto best = chances.argmax().item<int64_t>();
  at::Tensor map = at::upsample_bilinear2d(z.permute({0, 3, 1, 2}), {6 * (best + 1), 6 * (best + 1)}, false);
  map = at::conv2d(map, parameters["layer.conv_lora.experts." + std::to_string(best) + ".weight"], {}, 1, 1);
  map = at::upsample_bilinear2d(map, {6, 6}, false).permute({0, 2, 3, 1});
  const at::Tensor expected = plain + nn::linear(z + chances[best] * map, parameters["layer.conv_lora.b"], {});
  EXPECT_LT((grid.layer->forward(x) - expected).abs().max().item<double>(), 1e-4);
}

TEST(ConvLora, TheGateIsTrained) {
  Grid grid;
  at::Generator generator = make_generator(7);
  add_conv_lora(grid, options(), generator);
  auto parameters = grid.named_parameters();
  {
    const at::NoGradGuard guard;
    normal_(parameters["layer.conv_lora.b"], 0, 1, generator);
  }
  grid.layer->forward(draw({2, 5, 4, 12}, 1)).square().sum().backward();
  EXPECT_GT(parameters["layer.conv_lora.gate"].grad().abs().max().item<double>(), 0);
  EXPECT_GT(parameters["layer.conv_lora.a"].grad().abs().max().item<double>(), 0);
}

TEST(ConvLora, BadOptionsAreOneSentence) {
  Grid grid;
  at::Generator generator = make_generator(7);
  EXPECT_THROW(add_conv_lora(grid, {.rank = 0, .targets = {"layer"}}, generator), UsageError);
  EXPECT_THROW(add_conv_lora(grid, {.rank = 2, .experts = 0, .targets = {"layer"}}, generator), UsageError);
  EXPECT_THROW(add_conv_lora(grid, {.rank = 2, .targets = {"nothing"}}, generator), UsageError);
  add_conv_lora(grid, options(), generator);
  EXPECT_THROW(add_conv_lora(grid, options(), generator), UsageError);  // adapted already
  EXPECT_THROW(grid.layer->forward(draw({5, 12}, 1)), Error);           // no grid
}

}  // namespace
}  // namespace cambium::peft
