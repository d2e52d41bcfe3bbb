#include "models/clip/tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/error.h"
#include "core/parallel.h"
#include "core/paths.h"
#include "models/clip/text_clean.h"
#include "models/clip/unicode.h"

namespace cambium::clip {
namespace {

constexpr std::string_view kStartText = "<|startoftext|>";
constexpr std::string_view kEndText = "<|endoftext|>";

// In cleaned text a space is the only white space left. What no alternative takes is dropped: spaces, and the iota
// below a letter, U+0345, whose capital is a letter to the original's caseless matching.
constexpr std::string_view kPieces =
    R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^ \p{L}\p{N}\x{345}]+)";

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchFree {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};

}  // namespace

// The pattern, compiled; reading it from several threads is safe, each with match data of its own.
struct Tokenizer::Splitter {
  std::unique_ptr<pcre2_code, CodeFree> code;

  Splitter() {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPieces.data()), kPieces.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_NO_UTF_CHECK, &error, &offset, nullptr));
    if (!code) {
      throw Error({.what = "this PCRE2 has no Unicode support", .field = "tokenizer", .mend = "install one that has"});
    }
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // only faster: where it cannot, matching interprets
  }

  template <class Piece>
  void split(std::string_view text, Piece piece) const {
    const std::unique_ptr<pcre2_match_data, MatchFree> match(pcre2_match_data_create(1, nullptr));
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    for (size_t at = 0; at < text.size();) {
      if (text[at] == ' ') {
        ++at;
        continue;
      }
      const int found = pcre2_match(code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
      if (found == PCRE2_ERROR_NOMATCH) return;
      if (found < 0) {
        throw Error({.what = "could not be split (PCRE2 error " + std::to_string(found) + ")", .field = "text"});
      }
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
      piece(text.substr(bounds[0], bounds[1] - bounds[0]));
      at = bounds[1];
    }
  }
};

Tokenizer::Tokenizer() : Tokenizer(shared_file("assets/bpe_simple_vocab_16e6.txt.gz")) {}

Tokenizer::Tokenizer(const std::filesystem::path& vocabulary)
    : bpe_(vocabulary), splitter_(std::make_shared<const Splitter>()) {}

std::string Tokenizer::clean(std::string_view text) const { return clean_text(text); }

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids{kStart};
  BytePairEncoder::Workspace work;
  splitter_->split(clean_text(text), [&](std::string_view piece) {
    if (piece == kStartText) {
      ids.push_back(kStart);
    } else if (piece == kEndText) {
      ids.push_back(kEnd);
    } else {
      bpe_.encode(piece, work, ids);
    }
  });
  ids.push_back(kEnd);
  return ids;
}

std::vector<std::vector<int32_t>> Tokenizer::encode(std::span<const std::string> texts) const {
  std::vector<std::vector<int32_t>> batch(texts.size());
  parallel_for(0, static_cast<int64_t>(texts.size()), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      try {
        batch[i] = encode(texts[i]);
      } catch (const Error& error) {
        ErrorInfo info = error.info();
        info.field = "text " + std::to_string(i + 1);
        throw Error(std::move(info));
      }
    }
  });
  return batch;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (id < 0 || id >= kVocabularySize) {
      throw Error({.what = "token " + std::to_string(id) + " is not in the vocabulary of " +
                           std::to_string(kVocabularySize) + " tokens",
                   .field = "ids"});
    }
    if (id == kStart) {
      bytes += kStartText;
    } else if (id == kEnd) {
      bytes += kEndText;
    } else {
      bytes += bpe_.bytes(id);
      if (bpe_.ends_piece(id)) bytes += ' ';
    }
  }
  return encode_utf8(decode_utf8_lossy(bytes));
}

}  // namespace cambium::clip
