#include "io/weights_file.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

namespace fs = std::filesystem;

std::string refusal(const fs::path& path) {
  try {
    load_weights(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "(accepted)";
}

void expect_refusal(const fs::path& path, const std::string& says) {
  const std::string sentence = refusal(path);
  EXPECT_NE(sentence.find(says), std::string::npos) << sentence;
}

void write_index(const fs::path& folder, const std::string& weight_map) {
  write_file(folder / "model.safetensors.index.json",
             R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}");
}

class WeightsFile : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  void expect_bytes_refused(const std::string& bytes, const std::string& says) const {
    write_file(path("a.pth"), bytes);
    expect_refusal(path("a.pth"), says);
  }
  test::TemporaryDirectory folder_;
};

TEST_F(WeightsFile, TheContentCountsNotTheName) {
  StateDict state;
  state.insert("w", at::ones({2}));
  write_safetensors(path("a.pth"), state);
  write_pth(path("b.safetensors"), state);
  EXPECT_TRUE(load_weights(path("a.pth")).contains("w"));
  EXPECT_TRUE(load_weights(path("b.safetensors")).contains("w"));
}

TEST_F(WeightsFile, FoldersInHuggingFaceLayout) {
  StateDict state;
  state.insert("w", at::ones({2}));
  write_file(path("config.json"), "{}");
  write_pth(path("pytorch_model.bin"), state);
  EXPECT_EQ(find_weights(folder_.path()), std::vector{path("pytorch_model.bin")});
  write_safetensors(path("model.safetensors"), state);
  EXPECT_EQ(find_weights(folder_.path()), std::vector{path("model.safetensors")});
  const StateDict loaded = load_weights(folder_.path());
  EXPECT_EQ(loaded.source, folder_.path().string());
  EXPECT_TRUE(loaded.contains("w"));
}

TEST_F(WeightsFile, Shards) {
  write_safetensors(path("model-00001-of-00002.safetensors"), {{"a", at::ones({2})}}, {{"format", "pt"}});
  write_safetensors(path("model-00002-of-00002.safetensors"), {{"b", at::zeros({2})}}, {{"format", "pt"}});
  write_index(folder_.path(), R"({"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"})");
  for (const fs::path& given : {folder_.path(), path("model.safetensors.index.json")}) {
    const StateDict state = load_weights(given);
    EXPECT_EQ(state.tensors.size(), 2u);
    EXPECT_EQ(state.at("a").sum().item<float>(), 2);
    EXPECT_EQ(state.metadata.at("format"), "pt");
  }
  fs::remove(path("model-00002-of-00002.safetensors"));
  expect_refusal(folder_.path(), "is only half downloaded: it lacks model-00002-of-00002.safetensors");
}

TEST_F(WeightsFile, ShardsThatDisagreeWithTheirIndex) {
  write_safetensors(path("1.safetensors"), {{"a", at::ones({2})}});
  write_safetensors(path("2.safetensors"), {{"a", at::ones({2})}});
  write_index(folder_.path(), R"({"a":"1.safetensors","b":"2.safetensors"})");
  expect_refusal(folder_.path(), "a: is also in 1.safetensors");
  write_safetensors(path("2.safetensors"), {{"c", at::ones({2})}});
  expect_refusal(folder_.path(), "2.safetensors: b: lacks this tensor");
  write_index(folder_.path(), R"({"a":"../1.safetensors"})");
  expect_refusal(folder_.path(), "weight_map.a: does not name a file beside the index");
  write_index(folder_.path(), "[]");
  expect_refusal(folder_.path(), "lacks weight_map");
}

TEST_F(WeightsFile, TheCacheOfHuggingFace) {
  const fs::path cache = path("models--openai--clip-vit-base-patch32");
  StateDict state;
  state.insert("w", at::ones({2}));
  write_safetensors(cache / "snapshots/abc/model.safetensors", state);
  write_safetensors(cache / "snapshots/old/model.safetensors", state);
  expect_refusal(cache, "holds 2 snapshots");
  write_file(cache / "refs/main", "abc\n");
  EXPECT_EQ(find_weights(cache), std::vector{cache / "snapshots/abc/model.safetensors"});
  fs::remove(cache / "snapshots/abc/model.safetensors");
  fs::create_symlink("../../blobs/0123", cache / "snapshots/abc/model.safetensors");
  expect_refusal(cache, "its download was not finished");
}

TEST_F(WeightsFile, WhatIsNotThereOrNotFinishedIsSaid) {
  expect_refusal(path("missing.pth"), "missing.pth: does not exist; check the path");
  expect_refusal(folder_.path(), "holds no weights file");
  write_file(path("model.safetensors.incomplete"), "abc");
  expect_refusal(folder_.path(), "is only half downloaded: it holds model.safetensors.incomplete");
  write_file(path("a.pth"), "x");
  write_file(path("b.pth"), "x");
  expect_refusal(folder_.path(), "holds 2 weights files: a.pth, b.pth; name one of them");
}

TEST_F(WeightsFile, OtherFilesAreNamed) {
  expect_bytes_refused("", "is empty");
  expect_bytes_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 605157884\n",
                       "is a git-LFS pointer");
  expect_bytes_refused("\n<!DOCTYPE html><html>", "is a web page");
  expect_bytes_refused("GGUF\3", "is a GGUF file");
  expect_bytes_refused("\x80\x04\x95", "is a Python pickle, but not one that torch.save wrote");
  expect_bytes_refused("{\"architectures\": []}", "is a JSON file");
  expect_bytes_refused("hello", "is not a weights file of a known kind");
}

}  // namespace
}  // namespace cambium::io
