#pragma once
// Enumerations and the words that configurations use for them.
#include <array>
#include <string>

#include "core/error.h"

namespace cambium::latent_diffusion {

template <class E>
struct Word {
  const char* name;
  E value;
};

// UsageError naming the field and the known words.
template <class E, size_t N>
E parse_word(const std::array<Word<E>, N>& words, const std::string& name, const std::string& field) {
  std::string known;
  for (const auto& word : words) {
    if (name == word.name) return word.value;
    known += (known.empty() ? "" : ", ") + std::string(word.name);
  }
  throw UsageError({.what = "\"" + name + "\" is unknown", .field = field, .mend = "give one of " + known});
}

template <class E, size_t N>
std::string word_of(const std::array<Word<E>, N>& words, E value) {
  for (const auto& word : words) {
    if (word.value == value) return word.name;
  }
  return {};
}

}  // namespace cambium::latent_diffusion
