#pragma once
// The demo's report: what was trained, what holds, and the pictures that show it.
#include <filesystem>
#include <vector>

#include "report/results.h"
#include "systems/meru/demo/emoji_set.h"
#include "systems/meru/demo/history.h"
#include "systems/meru/demo/outcome.h"
#include "systems/meru/embedder.h"

namespace cambium::systems::meru::demo {

// What the page shows of the first seed's models.
struct PageInputs {
  const Embedder* meru = nullptr;
  const Embedder* clip = nullptr;
  Embeddings meru_words = {}, clip_words = {};
  History meru_history = {}, clip_history = {};
  std::vector<StyleSet> seen = {};    // held-out styles of trained emoji
  std::vector<StyleSet> styles = {};  // a few pictures of every style, to show the data
  const std::vector<data::emoji::Emoji>* catalog = nullptr;
  const WordTree* tree = nullptr;
  std::vector<SeedOutcome> outcomes = {};
  std::string recipe = {};   // resolved
  double train_seconds = 0;  // of one model, mean
};

void write_page(const std::filesystem::path& file, const report::Results& results, const PageInputs& inputs);

}  // namespace cambium::systems::meru::demo
