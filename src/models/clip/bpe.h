#pragma once
// Byte-pair encoding with CLIP's merges.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cambium::clip {

// Ids: 0 to 255 the bytes, 256 to 511 the same as last of a piece, then one per merge. Const after construction: any
// number of threads may use one.
class BytePairEncoder {
 public:
  static constexpr int32_t kMerges = 48894;
  static constexpr int32_t kTokens = 512 + kMerges;

  // bpe_simple_vocab_16e6.txt, gzipped or not: a header line, then one merge a line ("th e</w>"), most frequent first.
  // What comes after the first 48,894 is not read. Error naming the line where the file is torn or something else.
  explicit BytePairEncoder(const std::filesystem::path& path);

  // Room for encode() to work in, to be kept from piece to piece (one per thread).
  class Workspace {
    friend class BytePairEncoder;
    struct Symbol {
      int32_t id;
      int32_t merge;  // with the next symbol: the id it would make, or -1
      int64_t previous, next;
    };
    struct Candidate {
      int32_t merge;
      int64_t at;
      // Lowest rank first, of equal ranks the leftmost: a heap puts its greatest on top.
      bool operator<(const Candidate& other) const {
        return merge != other.merge ? merge > other.merge : at > other.at;
      }
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  // Appends the ids of one piece (its bytes). O(n log n).
  void encode(std::string_view piece, Workspace& work, std::vector<int32_t>& ids) const;

  // The bytes of a token, and whether it ends a piece.
  std::string_view bytes(int32_t id) const;
  bool ends_piece(int32_t id) const;

 private:
  struct Token {
    uint32_t offset;
    uint16_t length;
    bool ends_piece;
  };
  struct Slot {
    uint32_t pair = kFree;  // left id << 16 | right id
    int32_t merged = 0;
  };
  static constexpr uint32_t kFree = 0xFFFFFFFF;
  static constexpr int kSlotBits = 17;

  int32_t merged(int32_t left, int32_t right) const;  // id of the pair's merge, or -1
  Slot& slot(uint32_t pair);

  std::string bytes_;          // of all tokens, one after another
  std::vector<Token> tokens_;  // by id
  std::vector<Slot> slots_;    // open addressing: pair -> id, which also is the merge's rank
};

}  // namespace cambium::clip
