#include "systems/sam_adapter/recipe.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/paths.h"

namespace cambium::systems::sam_adapter {
namespace {

Recipe parse(const std::string& text) { return io::parse_recipe<Recipe>(text, "test.yaml").recipe; }

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Recipe, ThePublishedOnesAreInOrder) {
  for (const char* name : {"camouflage", "shadow", "polyp", "custom"}) {
    const auto loaded = io::load_recipe<Recipe>(shared_file("recipes/sam_adapter/" + std::string(name) + ".yaml"), {});
    EXPECT_EQ(loaded.recipe.train.optimizer.lr, 2e-4) << name;
    EXPECT_EQ(loaded.recipe.peft.method, "adapter") << name;
    EXPECT_TRUE(loaded.recipe.validates()) << name;
    // What is resolved reads as the same.
    EXPECT_EQ(io::parse_recipe<Recipe>(loaded.resolved, "resolved").resolved, loaded.resolved) << name;
  }
}

TEST(Recipe, OfficialIsADefaultThatTheRecipeCanOverrule) {
  const Recipe plain = parse("system: sam_adapter"), official = parse("compat: official"),
               mixed = parse("compat: official\npeft: {embedding_layout: natural}\ndata: {pairing: stem}");
  using Layout = cambium::sam_adapter::PromptGeneratorOptions::EmbeddingLayout;
  EXPECT_EQ(plain.prompts().embedding_layout, Layout::natural);
  EXPECT_EQ(official.prompts().embedding_layout, Layout::official);
  EXPECT_EQ(official.data.set.pairing, cambium::data::Pairing::index);
  EXPECT_EQ(official.training_set().mask.kind, cambium::data::MaskKind::soft);
  EXPECT_EQ(official.model.balance_floor, 0);
  EXPECT_EQ(mixed.prompts().embedding_layout, Layout::natural);
  EXPECT_EQ(mixed.data.set.pairing, cambium::data::Pairing::stem);
}

TEST(Recipe, SeveralClassesHaveLossesAndMasksOfTheirOwn) {
  const Recipe recipe = parse("model: {classes: 5}");
  EXPECT_EQ(recipe.loss(), cambium::sam_adapter::MaskLoss::ce_dice);
  EXPECT_EQ(recipe.training_set().mask.kind, cambium::data::MaskKind::classes);
  EXPECT_EQ(recipe.training_set().mask.classes, 5);
  EXPECT_EQ(recipe.validation.metric, "iou");
  EXPECT_NE(error_of("model: {classes: 5, loss: bbce}"), "");
}

TEST(Recipe, MistakesAreOneSentenceWithTheirPlace) {
  EXPECT_NE(error_of("peft: {method: adaptor}").find("adapter"), std::string::npos);
  EXPECT_NE(error_of("peft: {method: lora, qkv: x}").find("peft.qkv"), std::string::npos);
  EXPECT_NE(error_of("peft: {method: adapter, rank: 4}").find("rank"), std::string::npos);  // another method's key
  EXPECT_NE(error_of("peft: {method: decoder, decoder: false}").find("decoder"), std::string::npos);
  EXPECT_NE(error_of("peft: {handcrafted_tune: false, embedding_tune: false}").find("handcrafted_tune"),
            std::string::npos);
  EXPECT_NE(error_of("train: {lr: 1.0e-4, lr_min: 1.0e-3}").find("lr_min"), std::string::npos);
  EXPECT_NE(error_of("data: {layout: camouflaged}").find("camouflage"), std::string::npos);
  EXPECT_NE(error_of("trian: {}").find("train"), std::string::npos);
}

}  // namespace
}  // namespace cambium::systems::sam_adapter
