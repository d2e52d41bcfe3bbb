#include "io/pth.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

using Kind = PickleValue::Kind;

std::filesystem::path fixture(const std::string& name) { return test::source_dir() / "tests/fixtures/pth" / name; }

// What make_pth.py's ramp() wrote.
at::Tensor ramp(at::IntArrayRef shape, double start) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return (at::arange(count, at::kDouble) / 8 + start).reshape(shape);
}

void expect_ramp(const at::Tensor& tensor, at::IntArrayRef shape, double start, at::ScalarType dtype = at::kFloat) {
  EXPECT_EQ(tensor.sizes(), shape);
  EXPECT_EQ(tensor.scalar_type(), dtype);
  EXPECT_TRUE(at::equal(tensor, ramp(shape, start).to(dtype))) << tensor;
}

void expect_model(const StateDict& state, at::ScalarType dtype = at::kFloat) {
  EXPECT_TRUE(at::equal(state.at("logit_scale"), at::scalar_tensor(2.5, dtype)));
  for (const auto& [tower, start] : {std::pair("visual", 0.0), std::pair("textual", 100.0)}) {
    expect_ramp(state.at(tower + std::string(".ln.weight")), {4}, start, dtype);
    expect_ramp(state.at(tower + std::string(".ln.bias")), {4}, start + 1, dtype);
    expect_ramp(state.at(tower + std::string(".mlp.weight")), {3, 4}, start + 2, dtype);
    expect_ramp(state.at(tower + std::string(".mlp.bias")), {3}, start + 3, dtype);
    EXPECT_TRUE(at::equal(state.at(tower + std::string(".mask")), at::tensor({0, 1, 0, 0}).view({2, 2}).to(at::kBool)));
  }
}

std::string refusal(const std::string& name) {
  try {
    read_pth(fixture(name));
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, fixture(name).string());
    return error.what();
  }
  return "(accepted)";
}

TEST(Pth, StateDictInEveryContainer) {
  const std::vector<std::pair<std::string, PthFile::Container>> files = {{"zip.pth", PthFile::Container::zip},
                                                                         {"protocol4.pth", PthFile::Container::zip},
                                                                         {"deflated.pth", PthFile::Container::zip},
                                                                         {"legacy.pth", PthFile::Container::legacy}};
  for (const auto& [name, container] : files) {
    const PthFile file = PthFile::open(fixture(name));
    EXPECT_EQ(file.container(), container) << name;
    const StateDict state = file.state_dict();
    EXPECT_EQ(state.tensors.size(), 11u) << name;
    EXPECT_EQ(state.tensors[0].first, "logit_scale");
    EXPECT_EQ(state.tensors[1].first, "visual.mask");
    EXPECT_TRUE(state.extras.empty());
    expect_model(state);
  }
}

TEST(Pth, TorchScriptModulesAreWalkedIntoDottedNames) {
  const PthFile file = PthFile::open(fixture("torchscript.pt"));
  EXPECT_EQ(file.container(), PthFile::Container::torchscript);
  const StateDict state = file.state_dict();
  EXPECT_EQ(state.tensors.size(), 12u);
  expect_model(state, at::kHalf);
  EXPECT_EQ(state.at("vocab_size").item<int64_t>(), 49408);
  EXPECT_EQ(file.root().get("context_length")->integer, 77);
}

TEST(Pth, TrainingCheckpointGivesTheModelAndKeepsTheRestReachable) {
  for (const char* name : {"training.pth", "training_legacy.pth"}) {
    const PthFile file = PthFile::open(fixture(name));
    const StateDict state = file.state_dict();
    EXPECT_EQ(state.tensors.size(), 11u);
    expect_model(state);
    ASSERT_EQ(state.extras.size(), 2u);
    EXPECT_EQ(state.extras[0].first, "root");
    expect_ramp(state.extras[0].second, {5}, 7);
    EXPECT_EQ(state.extras[1].first, "rng_state");

    const PickleValue& root = file.root();
    EXPECT_EQ(root.get("iteration")->integer, 120000);
    EXPECT_EQ(root.get("loss")->real, 0.125);
    EXPECT_TRUE(root.get("done")->is(Kind::boolean));
    EXPECT_EQ(root.get("note")->text, "caf\u00e9");
    EXPECT_EQ(root.get("best_accuracy")->real, 61.25);
    EXPECT_TRUE(root.get("seed")->is(Kind::big_integer));
    EXPECT_EQ(root.get("args")->text, "argparse.Namespace");
    EXPECT_EQ(root.get("args")->get("name")->text, "vit_s");
    const PickleValue* groups = root.get("optimizer")->get("param_groups");
    ASSERT_EQ(groups->items.size(), 2u);
    EXPECT_EQ(groups->items[0]->get("lr")->real, 2.5e-4);
    EXPECT_EQ(groups->items[0]->get("betas")->items[1]->real, 0.98);
    const PickleValue* moments = root.get("optimizer")->get("state");
    ASSERT_EQ(moments->entries.size(), 9u);
    EXPECT_TRUE(moments->entries[0].second->get("exp_avg")->tensor.defined());
  }
}

TEST(Pth, DataParallelPrefixIsRemoved) { expect_model(read_pth(fixture("data_parallel.pth"))); }

TEST(Pth, AKeyOfTheUsersChoice) {
  expect_model(read_pth(fixture("unusual_keys.pth"), "params_ema"));
  EXPECT_NE(refusal("unusual_keys.pth").find("one of \"params\", \"params_ema\""), std::string::npos)
      << refusal("unusual_keys.pth");
  try {
    read_pth(fixture("training.pth"), "ema");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_EQ(error.info().field, "ema");
  }
}

TEST(Pth, EveryType) {
  const std::vector<std::pair<std::string, at::ScalarType>> types = {
      {"float64", at::kDouble}, {"float32", at::kFloat}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
      {"int64", at::kLong},     {"int32", at::kInt},     {"int16", at::kShort},  {"int8", at::kChar},
      {"uint8", at::kByte},     {"bool", at::kBool}};
  for (const char* name : {"dtypes.pth", "dtypes_legacy.pth"}) {
    const StateDict state = read_pth(fixture(name));
    for (const auto& [key, dtype] : types) expect_ramp(state.at(key), {3}, 1, dtype);
    expect_ramp(state.at("parameter"), {3}, 1);
    EXPECT_FALSE(state.at("parameter").requires_grad());
    EXPECT_EQ(state.at("empty").sizes(), (at::IntArrayRef{0, 3}));
  }
}

TEST(Pth, StridesAreKeptAndSharedMemoryStaysShared) {
  for (const char* name : {"strided.pth", "strided_legacy.pth"}) {
    const StateDict state = read_pth(fixture(name));
    const at::Tensor whole = state.at("whole");
    expect_ramp(whole, {6, 4}, 0);
    EXPECT_TRUE(at::equal(state.at("transposed"), whole.t()));
    EXPECT_FALSE(state.at("transposed").is_contiguous());
    EXPECT_TRUE(at::equal(state.at("rows"), whole.slice(0, 2, 4)));
    EXPECT_TRUE(at::equal(state.at("columns"), whole.slice(1, 1, 3)));
    EXPECT_TRUE(at::equal(state.at("expanded"), whole[0].expand({3, 4})));
    EXPECT_EQ(state.at("tied").data_ptr(), whole.data_ptr());
    whole.fill_(9);
    EXPECT_TRUE(at::equal(state.at("rows"), at::full({2, 4}, 9.0f)));
  }
}

TEST(Pth, ZipTensorsPointIntoTheMap) {
  // 64-byte alignment is the file's: a copy of 4 bytes would lie anywhere.
  const SharedBytes bytes = map_file(fixture("zip.pth"));
  const StateDict state = PthFile::parse(bytes, "zip.pth").state_dict();
  for (const auto& [name, tensor] : state.tensors) {
    const auto* address = static_cast<const std::byte*>(tensor.const_data_ptr());
    EXPECT_TRUE(address >= bytes.data && address < bytes.data + bytes.size) << name;
  }
}

TEST(Pth, TypesWithoutAPlaceAreRefusedByName) {
  EXPECT_NE(refusal("float8.pth").find("torch.float8_e4m3fn"), std::string::npos) << refusal("float8.pth");
  EXPECT_NE(refusal("complex.pth").find("ComplexFloatStorage"), std::string::npos) << refusal("complex.pth");
}

TEST(Pth, AWholeModuleIsRefusedWithTheMend) {
  EXPECT_NE(refusal("whole_module.pth").find("\"__main__.Model\""), std::string::npos) << refusal("whole_module.pth");
  EXPECT_NE(refusal("whole_module.pth").find("state_dict()"), std::string::npos);
}

TEST(Pth, EveryTruncationIsRefused) {
  for (const char* name : {"strided.pth", "strided_legacy.pth", "torchscript.pt"}) {
    const std::string whole = read_file(fixture(name));
    for (size_t size = 0; size < whole.size(); size += 7) {
      EXPECT_THROW(PthFile::parse(copy_bytes(whole.substr(0, size)), name), Error) << name << " cut to " << size;
    }
  }
  const std::string whole = read_file(fixture("zip.pth"));
  try {
    PthFile::parse(copy_bytes(whole.substr(0, whole.size() / 2)), "half.pth");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("half.pth: is truncated"), std::string::npos) << error.what();
  }
}

TEST(Pth, EveryFlippedByteIsReadOrRefused) {
  for (const char* name : {"strided.pth", "strided_legacy.pth"}) {
    const std::string whole = read_file(fixture(name));
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
      try {
        PthFile::parse(copy_bytes(damaged), name).state_dict();
      } catch (const Error&) {
      }
    }
  }
}

TEST(PthWriter, RoundTrip) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "a.pth";
  for (const char* name : {"dtypes.pth", "strided.pth", "training.pth", "torchscript.pt"}) {
    const StateDict state = read_pth(fixture(name));
    write_pth(path, state);
    const StateDict back = read_pth(path);
    ASSERT_EQ(back.tensors.size(), state.tensors.size());
    ASSERT_EQ(back.extras.size(), state.extras.size());
    for (size_t i = 0; i < state.tensors.size(); ++i) {
      EXPECT_EQ(back.tensors[i].first, state.tensors[i].first);
      EXPECT_EQ(back.tensors[i].second.scalar_type(), state.tensors[i].second.scalar_type());
      EXPECT_TRUE(at::equal(back.tensors[i].second, state.tensors[i].second)) << back.tensors[i].first;
      if (back.tensors[i].second.numel() == 0) continue;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(back.tensors[i].second.data_ptr()) % 64, 0u);
    }
  }
  write_pth(path, read_pth(fixture("strided.pth")));
  const StateDict back = read_pth(path);
  EXPECT_EQ(back.at("tied").data_ptr(), back.at("whole").data_ptr());
}

TEST(PthWriter, FloatingTypeIsConvertedAndIntegersAreNot) {
  const test::TemporaryDirectory folder;
  write_pth(folder.path() / "a.pth", read_pth(fixture("dtypes.pth")), at::kBFloat16);
  const StateDict state = read_pth(folder.path() / "a.pth");
  EXPECT_EQ(state.at("float64").scalar_type(), at::kBFloat16);
  EXPECT_EQ(state.at("int16").scalar_type(), at::kShort);
}

TEST(PthWriter, WhatCannotBeHeldLeavesNoFile) {
  const test::TemporaryDirectory folder;
  StateDict state;
  state.insert("w", at::ones({2}, at::kComplexFloat));
  EXPECT_THROW(write_pth(folder.path() / "a.pth", state), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace cambium::io
