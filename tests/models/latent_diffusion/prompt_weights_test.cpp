#include "models/latent_diffusion/prompt_weights.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace cambium::latent_diffusion {

void PrintTo(const WeightedText& piece, std::ostream* out) { *out << piece.text << ":" << piece.weight; }

namespace {

using Pieces = std::vector<WeightedText>;

void expect_pieces(const std::string& prompt, const Pieces& wanted) {
  const Pieces found = parse_prompt(prompt);
  ASSERT_EQ(found.size(), wanted.size()) << prompt;
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i].text, wanted[i].text) << prompt;
    EXPECT_DOUBLE_EQ(found[i].weight, wanted[i].weight) << prompt;
  }
}

TEST(PromptWeights, PlainTextIsOnePiece) {
  expect_pieces("a red house, 4k: sharp", {{"a red house, 4k: sharp", 1}});
  expect_pieces("", {{"", 1}});
}

TEST(PromptWeights, BracketsWeighAndNest) {
  expect_pieces("a (red) house", {{"a ", 1}, {"red", 1.1}, {" house", 1}});
  expect_pieces("a (red:1.5) [house]", {{"a ", 1}, {"red", 1.5}, {" ", 1}, {"house", 1 / 1.1}});
  expect_pieces("((a) b)c", {{"a", 1.1 * 1.1}, {" b", 1.1}, {"c", 1}});
  expect_pieces("(a (b:2) c: .5 )", {{"a ", 0.5}, {"b", 1}, {" c", 0.5}});
  expect_pieces("(a:0)", {{"a", 0}});
  expect_pieces("(a:-1.5)", {{"a", -1.5}});
}

TEST(PromptWeights, EqualNeighboursAreJoined) { expect_pieces("(a)(b)(c:1)", {{"ab", 1.1}, {"c", 1}}); }

TEST(PromptWeights, EscapedSignsAreText) {
  expect_pieces(R"(\(a\) \[b\] c\\ \d)", {{R"((a) [b] c\ \d)", 1}});
  expect_pieces(R"((a\):1.3))", {{"a)", 1.3}});
}

TEST(PromptWeights, WhatIsNotClosedCountsToTheEnd) {
  expect_pieces("a (b [c", {{"a ", 1}, {"b ", 1.1}, {"c", 1.1 / 1.1}});
  expect_pieces("a) b] :1.5) c", {{"a) b] :1.5) c", 1}});
  expect_pieces("(a:x)", {{"a:x", 1.1}});
  expect_pieces("(a:1.5.5)", {{"a:1.5.5", 1.1}});
  expect_pieces("(:1.5)", {{"", 1}});
}

RC_GTEST_PROP(PromptWeights, TextWithoutSignsComesBack, ()) {
  std::string prompt = *rc::gen::arbitrary<std::string>();
  std::erase_if(prompt, [](char c) { return std::string_view("()[]\\").find(c) != std::string_view::npos; });
  RC_ASSERT(parse_prompt(prompt) == (Pieces{{prompt, 1}}));
}

// Whatever the signs, the text between them stays in order.
RC_GTEST_PROP(PromptWeights, LettersStayInOrder, ()) {
  const auto prompt = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '(', ')', '[', ']', '\\', ' '));
  std::string wanted, found;
  const auto letters = [](const std::string& text, std::string& out) {
    std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return c == 'a' || c == 'b'; });
  };
  letters(prompt, wanted);
  for (const WeightedText& piece : parse_prompt(prompt)) letters(piece.text, found);
  RC_ASSERT(found == wanted);
}

}  // namespace
}  // namespace cambium::latent_diffusion
