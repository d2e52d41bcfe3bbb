#include "io/inspect.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/convert.h"
#include "io/weights_file.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

std::filesystem::path fixture(const std::string& name) { return test::source_dir() / "tests/fixtures/pth" / name; }

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Inspect, TrainingCheckpoint) {
  const WeightsInfo info = inspect_weights(fixture("training.pth"));
  EXPECT_EQ(info.container, "PyTorch zip");
  EXPECT_EQ(info.key, "model");
  EXPECT_EQ(info.tensors.size(), 11u);
  EXPECT_EQ(info.elements, 1 + 2 * (4 + 4 + 12 + 3 + 4));
  const std::string text = to_text(info);
  EXPECT_TRUE(says(text, "11 tensors, 55 elements: 9 F32, 2 BOOL, under model\n")) << text;
  EXPECT_TRUE(says(text, "  visual.mlp.weight   F32   [3, 4]\n")) << text;
  EXPECT_TRUE(says(text, "  iteration: 120000\n")) << text;
  EXPECT_TRUE(says(text, "  root: tensor F32 [5]\n")) << text;
  const nlohmann::json json = to_json(info);
  EXPECT_EQ(json["tensors"].size(), 11u);
  EXPECT_EQ(json["tensors"][0]["name"], "logit_scale");
  EXPECT_EQ(json["tensors"][0]["bytes"], 4);
  EXPECT_EQ(json["top_level"]["optimizer"], "dict of 2");
}

TEST(Inspect, AFileWithUnusualKeysIsStillDescribed) {
  const WeightsInfo info = inspect_weights(fixture("unusual_keys.pth"));
  EXPECT_TRUE(info.tensors.empty());
  EXPECT_TRUE(says(to_text(info), "  params_ema: dict of 11\n")) << to_text(info);
  EXPECT_EQ(inspect_weights(fixture("unusual_keys.pth"), "params_ema").tensors.size(), 11u);
}

TEST(Inspect, AFlatFileHasNothingBesideItsTensors) {
  EXPECT_TRUE(inspect_weights(fixture("zip.pth")).top_level.empty());
  EXPECT_EQ(inspect_weights(fixture("torchscript.pt")).container, "TorchScript archive");
}

TEST(Convert, ThereAndBackIsTheSame) {
  const test::TemporaryDirectory folder;
  const auto safetensors = folder.path() / "a.safetensors", pth = folder.path() / "b.pth";
  const ConvertResult result = convert_weights(fixture("training.pth"), safetensors);
  EXPECT_EQ(result.tensors, 11);
  EXPECT_EQ(result.dropped, (std::vector<std::string>{"optimizer", "scheduler", "scaler", "iteration", "seed",
                                                      "best_accuracy", "args", "loss", "done", "note"}));
  EXPECT_EQ(result.bytes, static_cast<int64_t>(std::filesystem::file_size(safetensors)));
  convert_weights(safetensors, pth);
  const StateDict before = load_weights(fixture("training.pth")), after = load_weights(pth);
  ASSERT_EQ(after.tensors.size(), before.tensors.size());
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    EXPECT_EQ(after.tensors[i].first, before.tensors[i].first);
    EXPECT_TRUE(at::equal(after.tensors[i].second, before.tensors[i].second));
  }
  ASSERT_EQ(after.extras.size(), 2u);
  EXPECT_TRUE(at::equal(after.extras[0].second, before.extras[0].second));
}

TEST(Convert, TypeAndNamesOnTheWayAndOntoItself) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "a.safetensors";
  convert_weights(fixture("zip.pth"), path);
  const auto rename = [](StateDict state) {
    for (auto& [name, tensor] : state.tensors) name = "clip." + name;
    return state;
  };
  convert_weights(path, path, {.floating = at::kBFloat16, .rename = rename});
  const StateDict state = load_weights(path);
  EXPECT_EQ(state.at("clip.visual.ln.weight").scalar_type(), at::kBFloat16);
  EXPECT_EQ(state.at("clip.visual.mask").scalar_type(), at::kBool);
  EXPECT_EQ(state.metadata.at("format"), "pt");
}

TEST(Convert, AnEndingThatSaysNothingIsAUsageError) {
  EXPECT_THROW(convert_weights(fixture("zip.pth"), "a.xyz"), UsageError);
}

}  // namespace
}  // namespace cambium::io
