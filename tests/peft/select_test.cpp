#include "peft/select.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "peft/toy_model.h"

namespace cambium::peft {
namespace {

using Names = std::vector<std::string>;

TEST(Select, TrainsWhatMatchesAndWasNotFixed) {
  Toy toy;
  train_only(toy, {"head.*", "scale", "fixed"});
  EXPECT_EQ(names_of(trained_tensors(toy)), (Names{"scale", "head.weight"}));
}

TEST(Select, APatternThatMatchesNothingChangesNothing) {
  Toy toy;
  const size_t before = trained_tensors(toy).size();
  try {
    train_only(toy, {"scale", "haed.weight"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean head.weight?"), std::string::npos) << error.what();
  }
  EXPECT_EQ(trained_tensors(toy).size(), before);
}

}  // namespace
}  // namespace cambium::peft
