#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/clip/bpe.h"

namespace cambium::clip {

// CLIP's tokenizer (Radford et al. 2021, section 2.4): clean_text(), a split into words, single digits and runs of
// signs, and byte-pair encoding of each. Const after construction: any number of threads may share one.
class Tokenizer {
 public:
  static constexpr int32_t kStart = BytePairEncoder::kTokens;    // <|startoftext|>, 49406
  static constexpr int32_t kEnd = BytePairEncoder::kTokens + 1;  // <|endoftext|>, 49407; the largest id
  static constexpr int64_t kVocabularySize = BytePairEncoder::kTokens + 2;

  // The vocabulary that ships with the program (assets/bpe_simple_vocab_16e6.txt.gz).
  Tokenizer();
  // Error where `vocabulary` cannot be read or is not CLIP's (bpe.h).
  explicit Tokenizer(const std::filesystem::path& vocabulary);

  // Ids of a text in UTF-8, kStart first and kEnd last, never cut or padded: {kStart, kEnd} for an empty text.
  // "<|endoftext|>" typed in the text becomes kEnd too. Error with the byte's offset where it is not UTF-8.
  std::vector<int32_t> encode(std::string_view text) const;
  // The same for each text, on LibTorch's threads. An Error names the text's number, from 1.
  std::vector<std::vector<int32_t>> encode(std::span<const std::string> texts) const;

  // What the text is turned into before it is split (text_clean.h).
  std::string clean(std::string_view text) const;

  // The text that ids stand for, a space after each piece; special tokens by their names, what is not UTF-8 as U+FFFD.
  // Error where an id is not of the vocabulary.
  std::string decode(std::span<const int32_t> ids) const;

 private:
  struct Splitter;
  BytePairEncoder bpe_;
  std::shared_ptr<const Splitter> splitter_;
};

}  // namespace cambium::clip
