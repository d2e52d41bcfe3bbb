#include "io/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

StateDict parse(const std::string& bytes) { return parse_safetensors(copy_bytes(bytes), "a.safetensors"); }

// The sentence with which these bytes are refused.
std::string refusal(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "a.safetensors");
    return error.what();
  }
  return "(accepted)";
}

const std::string kOne = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(Safetensors, RoundTripKeepsNamesOrderTypesValuesAndMetadata) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "a.safetensors";
  NamedTensors tensors = {{"mask", at::tensor({1, 0, 1}).to(at::kBool)}, {"z", at::randn({3, 5}).t()}};
  tensors.emplace_back("step", at::scalar_tensor(7, at::kLong));
  tensors.emplace_back("none", at::empty({0, 4}));
  for (const auto dtype : {at::kDouble, at::kHalf, at::kBFloat16, at::kInt, at::kShort, at::kChar, at::kByte}) {
    tensors.emplace_back(std::string("t_") + c10::toString(dtype), at::arange(5).to(dtype));
  }
  write_safetensors(path, tensors, {{"format", "pt"}, {"note", "caf\u00e9 \"quoted\""}});
  const StateDict state = read_safetensors(path);
  EXPECT_EQ(state.source, path.string());
  EXPECT_EQ(state.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"note", "caf\u00e9 \"quoted\""}}));
  ASSERT_EQ(state.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(state.tensors[i].first, tensors[i].first);
    EXPECT_EQ(state.tensors[i].second.scalar_type(), tensors[i].second.scalar_type());
    EXPECT_TRUE(at::equal(state.tensors[i].second, tensors[i].second)) << tensors[i].first;
  }
}

TEST(Safetensors, DataStartAtAMultipleOf64BytesAndNothingIsCopied) {
  const test::TemporaryDirectory folder;
  for (const std::string name : {"a", "a_longer_name", "an_even_longer_name"}) {
    write_safetensors(folder.path() / "a", {{"odd", at::ones({3}, at::kByte)}, {name, at::ones({4})}});
    const StateDict state = read_safetensors(folder.path() / "a");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(state.at(name).data_ptr()) % 64, 0u);
  }
}

TEST(Safetensors, TensorsOutliveTheStateAndWritingToThemLeavesTheFile) {
  const test::TemporaryDirectory folder;
  write_safetensors(folder.path() / "a", {{"w", at::ones({1000})}});
  at::Tensor w = read_safetensors(folder.path() / "a").at("w");
  w.fill_(2);
  EXPECT_EQ(w.sum().item<float>(), 2000);
  EXPECT_EQ(read_safetensors(folder.path() / "a").at("w").sum().item<float>(), 1000);
}

TEST(Safetensors, FloatingTypeIsConvertedAndIntegersAreNot) {
  const test::TemporaryDirectory folder;
  write_safetensors(folder.path() / "a", {{"w", at::ones({3})}, {"ids", at::arange(3)}}, {}, at::kBFloat16);
  const StateDict state = read_safetensors(folder.path() / "a");
  EXPECT_EQ(state.at("w").scalar_type(), at::kBFloat16);
  EXPECT_EQ(state.at("ids").scalar_type(), at::kLong);
}

TEST(Safetensors, ExtrasComeBackAsExtras) {
  const test::TemporaryDirectory folder;
  StateDict state;
  state.insert("w", at::ones({3}));
  state.extras.emplace_back("root", at::zeros({2}));
  write_safetensors(folder.path() / "a", state);
  const StateDict back = read_safetensors(folder.path() / "a");
  ASSERT_EQ(back.tensors.size(), 1u);
  ASSERT_EQ(back.extras.size(), 1u);
  EXPECT_EQ(back.extras[0].first, "root");
  EXPECT_TRUE(back.metadata.empty());
}

TEST(Safetensors, MisalignedTensorsAreReadAllTheSame) {
  const std::string data("\1\0\0\x80\x3f\0\0\0\x40", 9);
  const StateDict state = parse(file_of(
      R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
      data));
  EXPECT_TRUE(at::equal(state.at("w"), at::tensor({1.0f, 2.0f})));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(state.at("w").data_ptr()) % 4, 0u);
}

TEST(Safetensors, WriterRefusesWhatItCannotHold) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "a";
  EXPECT_THROW(write_safetensors(path, {{"w", at::ones({1})}, {"w", at::ones({1})}}), Error);
  EXPECT_THROW(write_safetensors(path, {{"w", at::ones({1}, at::kComplexFloat)}}), Error);
  EXPECT_THROW(write_safetensors(path, {{"\xff", at::ones({1})}}), Error);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SafetensorsBad, Truncated) {
  const std::string whole = file_of(kOne, std::string(8, '\0'));
  EXPECT_EQ(refusal(whole), "(accepted)");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)).find("is truncated"), std::string::npos) << size;
  }
}

TEST(SafetensorsBad, NotSafetensors) {
  EXPECT_NE(refusal(std::string(64, '\xff')).find("not a safetensors file"), std::string::npos);
  EXPECT_NE(refusal(file_of("[1,2]", "")).find("not a JSON object"), std::string::npos);
  EXPECT_NE(refusal(file_of("{\"w\":", "")).find("not JSON"), std::string::npos);
  EXPECT_NE(refusal(file_of("{\"\xff\":{}}", "")).find("not JSON"), std::string::npos);
  EXPECT_NE(refusal(file_of(std::string(100000, '['), "")).find("not JSON"), std::string::npos);
}

struct Bad {
  const char* header;
  size_t data;
  const char* says;
};
class SafetensorsBadHeader : public ::testing::TestWithParam<Bad> {};
TEST_P(SafetensorsBadHeader, IsRefusedByTensor) {
  const std::string sentence = refusal(file_of(GetParam().header, std::string(GetParam().data, '\0')));
  EXPECT_NE(sentence.find(GetParam().says), std::string::npos) << sentence;
}
INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsBadHeader,
    ::testing::Values(
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
            8, "w: appears twice in the header"},
        Bad{R"({"w":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}})", 8,
            "dtype: appears twice in the header"},
        Bad{R"({"w":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", 8, "F8_E4M3"},
        Bad{R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "takes 12"},
        Bad{R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0, "too large"},
        Bad{R"({"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0, "too large"},
        Bad{R"({"w":{"dtype":"F32","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[0,0]}})", 0,
            "too large"},
        Bad{R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "list of sizes"},
        Bad{R"({"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "list of sizes"},
        Bad{R"({"w":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8, "list of sizes"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "backwards"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}})", 8, "two sizes"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})", 8, "two sizes"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615]}})", 8,
            "takes 8"},
        Bad{R"({"w":{"shape":[2],"data_offsets":[0,8]}})", 8, "lacks dtype"},
        Bad{R"({"w":{"dtype":3,"shape":[2],"data_offsets":[0,8]}})", 8, "not a string"},
        Bad{R"({"w":[]})", 0, "not a JSON object"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"v":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
            12, "overlaps the bytes of w"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", 16, "leaves a gap"},
        Bad{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 12, "after the last tensor"},
        Bad{R"({"__metadata__":{"w":3}})", 0, "not a string"}));

TEST(StateDict, AtNamesTheSourceAndTheNearest) {
  StateDict state{.source = "a.safetensors"};
  state.insert("visual.proj", at::ones({2}));
  try {
    state.at("visual.prj");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a.safetensors: visual.prj: holds no tensor of this name; did you mean visual.proj?");
  }
}

TEST(MapFile, MissingFileAndFolderAreNamed) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(read_safetensors(folder.path()), Error);
  EXPECT_THROW(read_safetensors(folder.path() / "missing"), Error);
}

}  // namespace
}  // namespace cambium::io
