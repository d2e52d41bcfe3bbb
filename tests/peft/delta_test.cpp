#include "peft/delta.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/safetensors.h"
#include "peft/fingerprint.h"
#include "peft/select.h"
#include "peft/toy_model.h"
#include "support/temporary_directory.h"

namespace cambium::peft {
namespace {

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

io::NamedTensors changed(const io::NamedTensors& tensors, const std::function<at::Tensor(const at::Tensor&)>& f) {
  io::NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(name, f(tensor.detach()));
  return out;
}

class DeltaFile : public ::testing::Test {
 protected:
  DeltaFile() {
    foundation = Foundation::of(nn::state_tensors(toy));
    train_only(toy, {"head.*", "scale"});
    delta = {.system = "toy",
             .method = "head",
             .recipe = "system: toy\n",
             .foundation = foundation,
             .tensors = trained_tensors(toy)};
    file = folder.path() / "delta.safetensors";
  }
  std::string open_error(std::map<std::string, std::string> metadata) {
    io::write_safetensors(file, delta.tensors, metadata);
    return error_of([&] { read_delta(file); });
  }

  Toy toy;
  Foundation foundation;
  Delta delta;
  test::TemporaryDirectory folder;
  std::filesystem::path file;
};

TEST(Fingerprint, IsThatOfCopies) {
  Toy toy;
  const auto tensors = nn::state_tensors(toy);
  const auto half = changed(tensors, [](const at::Tensor& t) { return t.to(at::kBFloat16); });
  auto turned = tensors;
  std::reverse(turned.begin(), turned.end());
  EXPECT_EQ(fingerprint(half), fingerprint(tensors));
  EXPECT_EQ(fingerprint(turned), fingerprint(tensors));
  EXPECT_EQ(architecture(half), architecture(tensors));
  EXPECT_EQ(architecture(turned), architecture(tensors));
  EXPECT_EQ(fingerprint(changed(tensors, [](const at::Tensor& t) { return t.to(at::kDouble); })), fingerprint(tensors));
}

TEST(Fingerprint, TellsModelsApart) {
  Toy toy;
  const auto tensors = nn::state_tensors(toy);
  const auto other = changed(tensors, [](const at::Tensor& t) { return t * 1.02; });
  EXPECT_NE(fingerprint(other), fingerprint(tensors));
  EXPECT_EQ(architecture(other), architecture(tensors));
  auto reshaped = tensors;
  for (auto& [name, tensor] : reshaped) {
    if (name == "head.weight") tensor = tensor.detach().reshape({16, 8});
  }
  EXPECT_NE(architecture(reshaped), architecture(tensors));
  auto renamed = tensors;
  renamed[0].first += "x";
  EXPECT_NE(architecture(renamed), architecture(tensors));
  EXPECT_NE(fingerprint(renamed), fingerprint(tensors));
}

TEST_F(DeltaFile, HoldsOnlyWhatWasTrainedAndComesBack) {
  write_delta(file, delta);
  const auto header = io::read_safetensors(file);
  EXPECT_EQ(names_of(header.tensors), (std::vector<std::string>{"scale", "head.weight"}));
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"format", "cambium.delta"},
                                                                 {"system", "toy"},
                                                                 {"method", "head"},
                                                                 {"recipe", "system: toy\n"},
                                                                 {"foundation.architecture", foundation.architecture},
                                                                 {"foundation.fingerprint", foundation.fingerprint}}));
  Toy other;
  train_only(other, {"head.*", "scale"});
  {
    const at::NoGradGuard guard;
    other.head->weight.zero_();
    other.scale.zero_();
  }
  const Delta read = read_delta(file);
  EXPECT_FALSE(read.swappable);
  apply_delta(other, read);
  const at::Tensor x = draw({2, 5, 12}, 1);
  EXPECT_TRUE(at::equal(other.forward(x), toy.forward(x)));
}

TEST_F(DeltaFile, KnowsItsFoundation) {
  const auto stranger = Foundation::of(changed(nn::state_tensors(toy), [](const at::Tensor& t) { return t + 1; }));
  auto bigger = foundation;
  bigger.architecture[0] = bigger.architecture[0] == '0' ? '1' : '0';
  write_delta(file, delta);
  Delta read = read_delta(file);
  EXPECT_EQ(error_of([&] { check_foundation(read, foundation, "w.pt", false); }), "");
  EXPECT_NE(error_of([&] { check_foundation(read, bigger, "w.pt", true); }).find("other sizes than w.pt"),
            std::string::npos);
  EXPECT_NE(error_of([&] { check_foundation(read, stranger, "w.pt", false); }).find("--allow-foundation"),
            std::string::npos);
  EXPECT_EQ(error_of([&] { check_foundation(read, stranger, "w.pt", true); }), "");
  delta.swappable = true;
  write_delta(file, delta);
  read = read_delta(file);
  EXPECT_TRUE(read.swappable);
  EXPECT_EQ(error_of([&] { check_foundation(read, stranger, "w.pt", false); }), "");
}

TEST_F(DeltaFile, RefusesWhatIsNoDelta) {
  EXPECT_NE(error_of([&] { read_delta(folder.path() / "none.safetensors"); }).find("no such delta"), std::string::npos);
  EXPECT_NE(open_error({}).find("is no delta"), std::string::npos);
  EXPECT_NE(open_error({{"format", "cambium.model"}}).find("--weights"), std::string::npos);
  std::map<std::string, std::string> metadata = {{"format", "cambium.delta"},
                                                 {"system", "toy"},
                                                 {"method", "head"},
                                                 {"recipe", ""},
                                                 {"foundation.architecture", foundation.architecture}};
  EXPECT_NE(open_error(metadata).find("foundation.fingerprint"), std::string::npos);
  metadata["foundation.fingerprint"] = "abc";
  EXPECT_NE(open_error(metadata).find("SHA-256"), std::string::npos);
  write_file(file, "not a container");
  EXPECT_NE(error_of([&] { read_delta(file); }), "");
}

TEST_F(DeltaFile, FitsTheTrainedParametersExactly) {
  Toy other;
  train_only(other, {"head.*", "scale"});
  Delta lacking = delta, wrong = delta, frozen = delta;
  lacking.tensors.pop_back();
  EXPECT_NE(error_of([&] { apply_delta(other, lacking); }).find("1 missing (head.weight [8, 16])"), std::string::npos);
  wrong.tensors[1].second = at::zeros({8, 15});
  EXPECT_NE(error_of([&] { apply_delta(other, wrong); }).find("head.weight [8, 15]"), std::string::npos);
  frozen.tensors.emplace_back("first.bias", at::zeros({16}));
  EXPECT_NE(error_of([&] { apply_delta(other, frozen); }).find("first.bias"), std::string::npos);
  EXPECT_TRUE(at::equal(other.head->weight, toy.head->weight));
}

}  // namespace
}  // namespace cambium::peft
