#include "parity/golden.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "core/error.h"
#include "io/safetensors.h"
#include "parity/fill.h"
#include "parity/judge.h"
#include "support/temporary_directory.h"

namespace cambium::parity {
namespace {

TEST(Glob, StarsMatchDotsAndTheWholeNameMustMatch) {
  EXPECT_TRUE(glob_matches("*.f64", "c0.1.real.oxy_angle.grad_x.f64"));
  EXPECT_TRUE(glob_matches("runs.*.final.*qkv.bias.norm", "runs.MERU.final.visual.blocks.0.attn.qkv.bias.norm"));
  EXPECT_FALSE(glob_matches("*.f64", "a.f64.x"));
  EXPECT_FALSE(glob_matches("a.*.b", "a.b"));
  EXPECT_TRUE(glob_matches("a*b*c", "a.xbb.bc"));
  EXPECT_TRUE(glob_matches("*ids", "ids"));
  EXPECT_FALSE(glob_matches("a?c", "abc"));
}

TEST(Glob, ConfigNamesKeepToThemselves) {
  EXPECT_FALSE(glob_matches("*.loss", "config.loss"));
  EXPECT_TRUE(glob_matches("config.*", "config.loss"));
  EXPECT_FALSE(glob_matches("config*", "config.loss"));
  EXPECT_FALSE(glob_matches("config.*", "model.loss"));
}

TEST(Leaves, NumbersStayTogetherAndEverythingElseIsEntered) {
  const Json json =
      Json::parse(R"({"a": [1, [2, 3]], "b.c": {"d": ["x", 1]}, "e": [], "f": null, "g": [{"h": true}]})");
  std::vector<std::string> names;
  for (const auto& [path, leaf] : leaves(json)) names.push_back(join(path));
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b.c.d.0", "b.c.d.1", "e", "f", "g.0.h"}));
  EXPECT_EQ(*find(json, {"b.c", "d", "0"}), Json("x"));
  EXPECT_EQ(find(json, {"b.c", "d", "2"}), nullptr);
  EXPECT_EQ(find(json, {"nothing"}), nullptr);
}

class GoldenFile : public ::testing::Test {
 protected:
  Golden json(const std::string& text) {
    const auto path = directory_.path() / "golden.json";
    std::ofstream(path) << text;
    return read_golden(path);
  }
  Golden tensors(const std::string& config, io::NamedTensors values) {
    const auto path = directory_.path() / "golden.safetensors";
    io::write_safetensors(path, values, {{"config", config}});
    return read_golden(path);
  }
  test::TemporaryDirectory directory_;
};

TEST_F(GoldenFile, TolerancesKeepFileOrder) {
  const Golden golden = json(R"({"kind": "k", "inputs": ["in.*"], "z": 1,
      "tol": {"z*": {"abs": 2}, "*": {"skip": "why"}, "a": {"rows": [0, 2], "rel": 1e-3}}})");
  EXPECT_EQ(golden.kind, "k");
  EXPECT_TRUE(golden.is_input("in.x"));
  EXPECT_EQ(golden.tolerance("z1")->abs, 2);
  EXPECT_EQ(golden.tolerance("a")->skip, "why");  // the earlier star wins
  EXPECT_EQ(golden.tolerance("config.a"), nullptr);
}

TEST_F(GoldenFile, BadFilesAreRefused) {
  EXPECT_THROW(json("{"), Error);
  EXPECT_THROW(json(R"({"kind": "k", "inputs": []})"), Error);
  EXPECT_THROW(json(R"({"kind": "k", "inputs": [], "tol": {"a": {"abss": 1}}})"), Error);
  EXPECT_THROW(json(R"({"kind": "k", "inputs": [], "tol": {"a": {"abs": -1}}})"), Error);
  EXPECT_THROW(json(R"({"kind": "k", "inputs": [], "tol": {"a": {"abs": "1"}}})"), Error);
  EXPECT_THROW(json(R"({"kind": "k", "inputs": [], "tol": {"a": {}}})"), Error);
  EXPECT_THROW(read_golden(directory_.path() / "absent.json"), Error);
  io::write_safetensors(directory_.path() / "plain.safetensors", {{"x", at::zeros({1})}});
  EXPECT_THROW(read_golden(directory_.path() / "plain.safetensors"), Error);
}

TEST_F(GoldenFile, JudgeCountsEveryItemOnce) {
  const Golden golden = tensors(R"({"kind": "k", "inputs": ["x"], "note": "not an output",
      "loss": 2.0, "tol": {"y": {"rel": 1e-3}, "z": {"skip": "noise"}, "config.loss": {"rel": 1e-3}}})",
                                {{"x", at::ones({2})}, {"y", at::ones({2})}, {"z", at::ones({2})}});
  Results good;
  good.tensors["y"] = at::ones({2});
  good.json["loss"] = 2.0;
  std::ostringstream out;
  const Summary summary = judge(golden, good, out);
  EXPECT_EQ(summary.judged, 2);
  EXPECT_EQ(summary.skipped, 1);
  EXPECT_EQ(summary.failed, 0) << out.str();

  Results off = good;
  off.tensors["y"] = at::tensor({1.0, 1.01});
  EXPECT_EQ(judge(golden, off, out).failed, 1);
  EXPECT_EQ(judge(golden, Results{}, out).failed, 2);  // what was not computed fails
}

TEST_F(GoldenFile, AnItemThatNothingCoversFails) {
  const Golden golden = tensors(R"({"kind": "k", "inputs": [], "tol": {"y": {"rel": 1}}})",
                                {{"y", at::ones({1})}, {"extra", at::ones({1})}});
  Results results;
  results.tensors["y"] = results.tensors["extra"] = at::ones({1});
  std::ostringstream out;
  EXPECT_EQ(judge(golden, results, out).failed, 1);
}

TEST_F(GoldenFile, JudgeWalksJson) {
  const Golden golden = json(R"({"kind": "k", "inputs": ["cases.*.text"], "notes": ["n"],
      "tol": {"cases.*.ids": {"exact": true}, "cases.*.loss": {"rel": 1e-3}},
      "cases": [{"text": "a", "ids": [1, 2], "loss": "nan"}, {"text": "b", "ids": [3], "loss": 1}]})");
  Results results;
  results.json = Json::parse(R"({"cases": [{"ids": [1, 2]}, {"ids": [3], "loss": 1.0001}]})");
  results.json["cases"][0]["loss"] = std::nan("");
  std::ostringstream out;
  const Summary summary = judge(golden, results, out);
  EXPECT_EQ(summary.judged, 4);
  EXPECT_EQ(summary.failed, 0) << out.str();
  results.json["cases"][1]["ids"] = Json::parse("[4]");
  EXPECT_EQ(judge(golden, results, out).failed, 1);
}

// The numbers that NumPy gives for the definition in fill.h.
TEST(Fill, MatchesTheDefinition) {
  const auto floats = [](std::vector<float> values) { return at::tensor(values); };
  EXPECT_TRUE(at::equal(uniform("a", 3), floats({0x1.7ca708p-2f, 0x1.ff09e2p-1f, 0x1.fbf562p-1f})));
  const at::Tensor matrix = fill("visual.patch_embed.proj.weight", {2, 3, 1, 2});
  EXPECT_EQ(matrix.sizes(), at::IntArrayRef({2, 3, 1, 2}));
  EXPECT_TRUE(at::equal(matrix.flatten().slice(0, 0, 4), floats({0.05140558257699013f, -0.5365281105041504f,
                                                                 -0.22757914662361145f, 0.14778143167495728f})));
  EXPECT_TRUE(
      at::equal(fill("norm.weight", {3}), floats({0.9525895118713379f, 0.9053829312324524f, 1.0141046047210693f})));
  EXPECT_TRUE(
      at::equal(fill("norm.bias", {3}), floats({0.06941906362771988f, 0.03286789730191231f, 0.08692175149917603f})));
}

}  // namespace
}  // namespace cambium::parity
