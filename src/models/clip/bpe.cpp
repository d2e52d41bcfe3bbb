#include "models/clip/bpe.h"

#include <algorithm>
#include <array>
#include <functional>

#include "core/error.h"
#include "models/clip/merges.h"

namespace cambium::clip {
namespace {

namespace fs = std::filesystem;

// The file writes each byte as a printable character: the printable ones of Latin-1 as themselves and first in the
// order of ids, the other 68 as U+0100 and on.
constexpr bool is_printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteTables {
  std::array<uint8_t, 256> byte_of_id{};
  std::array<uint8_t, 256> id_of_byte{};
};
constexpr ByteTables kBytes = [] {
  ByteTables tables;
  int id = 0;
  for (const bool printable : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (is_printable(byte) != printable) continue;
      tables.byte_of_id[id] = static_cast<uint8_t>(byte);
      tables.id_of_byte[byte] = static_cast<uint8_t>(id++);
    }
  }
  return tables;
}();
constexpr int kPrintable = 188;
constexpr std::string_view kEndOfPiece = "</w>";

// A symbol of the file ("th", "Ã©</w>") to its bytes. False if some character stands for no byte.
bool parse_symbol(std::string_view symbol, std::string& bytes, bool& ends_piece) {
  bytes.clear();
  ends_piece = symbol.size() > kEndOfPiece.size() && symbol.ends_with(kEndOfPiece);
  if (ends_piece) symbol.remove_suffix(kEndOfPiece.size());
  for (size_t i = 0; i < symbol.size(); ++i) {
    uint32_t c = static_cast<uint8_t>(symbol[i]);
    if (c >= 0xC2 && c <= 0xC5 && i + 1 < symbol.size()) {  // two bytes of UTF-8: U+0080 to U+017F
      c = ((c & 0x1F) << 6) | (static_cast<uint8_t>(symbol[++i]) & 0x3F);
    } else if (c >= 0x80) {
      return false;
    }
    if (c < 256 ? !is_printable(static_cast<int>(c)) : c - 256 >= 256u - kPrintable) return false;
    bytes += static_cast<char>(c < 256 ? c : kBytes.byte_of_id[kPrintable + (c - 256)]);
  }
  return !bytes.empty();
}

}  // namespace

BytePairEncoder::BytePairEncoder(const fs::path& path) {
  const std::string text = read_merges(path);
  tokens_.reserve(kTokens);
  slots_.resize(size_t{1} << kSlotBits);
  bytes_.reserve(text.size());

  // Token by its bytes; only while the file is read.
  std::vector<int32_t> by_bytes(size_t{1} << kSlotBits, -1);
  const auto place = [&](std::string_view key, bool ends_piece) -> int32_t& {
    size_t at = (std::hash<std::string_view>{}(key) * 2 + ends_piece) * 0x9E3779B97F4A7C15ull >> (64 - kSlotBits);
    while (by_bytes[at] >= 0) {
      if (bytes(by_bytes[at]) == key && tokens_[by_bytes[at]].ends_piece == ends_piece) break;
      at = (at + 1) & (by_bytes.size() - 1);
    }
    return by_bytes[at];
  };
  const auto add = [&](std::string_view token, bool ends_piece, int32_t& entry) {
    entry = static_cast<int32_t>(tokens_.size());
    tokens_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint16_t>(token.size()), ends_piece});
    bytes_ += token;
  };
  for (const bool ends_piece : {false, true}) {
    for (int id = 0; id < 256; ++id) {
      const char byte = static_cast<char>(kBytes.byte_of_id[id]);
      add({&byte, 1}, ends_piece, place({&byte, 1}, ends_piece));
    }
  }

  int64_t line_number = 1;
  const auto refuse = [&](const std::string& what) {
    throw Error({.what = what,
                 .file = path.string(),
                 .field = "line " + std::to_string(line_number),
                 .mend = "get bpe_simple_vocab_16e6.txt.gz again"});
  };
  std::string left, right;
  size_t at = text.find('\n');  // the header says only a version
  while (static_cast<int32_t>(tokens_.size()) < kTokens) {
    ++line_number;
    const size_t begin = at == std::string::npos ? text.size() : at + 1;
    if (begin >= text.size()) {
      refuse("the file ends after " + std::to_string(tokens_.size() - 512) + " merges of " + std::to_string(kMerges));
    }
    at = text.find('\n', begin);
    std::string_view line = std::string_view(text).substr(begin, at == std::string::npos ? at : at - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t space = line.find(' ');
    bool left_ends = false, right_ends = false;
    if (space == std::string_view::npos || line.size() > 1000 ||
        !parse_symbol(line.substr(0, space), left, left_ends) ||
        !parse_symbol(line.substr(space + 1), right, right_ends) || left_ends) {
      refuse("is no pair of symbols");
    }
    // Both made by earlier lines: encode() relies on a merge's parts having lower ranks than itself.
    const int32_t left_id = place(left, false), right_id = place(right, right_ends);
    if (left_id < 0 || right_id < 0) refuse("joins a symbol that no line before it makes");
    int32_t& entry = place(left + right, right_ends);
    if (entry >= 0) refuse("makes a symbol that a line before it makes");
    Slot& slot = this->slot(static_cast<uint32_t>(left_id) << 16 | static_cast<uint32_t>(right_id));
    add(left + right, right_ends, entry);
    slot = {static_cast<uint32_t>(left_id) << 16 | static_cast<uint32_t>(right_id), entry};
  }
}

BytePairEncoder::Slot& BytePairEncoder::slot(uint32_t pair) {
  size_t at = pair * 0x9E3779B1u >> (32 - kSlotBits);
  while (slots_[at].pair != kFree && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

int32_t BytePairEncoder::merged(int32_t left, int32_t right) const {
  const uint32_t pair = static_cast<uint32_t>(left) << 16 | static_cast<uint32_t>(right);
  size_t at = pair * 0x9E3779B1u >> (32 - kSlotBits);
  while (slots_[at].pair != kFree) {
    if (slots_[at].pair == pair) return slots_[at].merged;
    at = (at + 1) & (slots_.size() - 1);
  }
  return -1;
}

std::string_view BytePairEncoder::bytes(int32_t id) const {
  const Token& token = tokens_[static_cast<size_t>(id)];
  return std::string_view(bytes_).substr(token.offset, token.length);
}

bool BytePairEncoder::ends_piece(int32_t id) const { return tokens_[static_cast<size_t>(id)].ends_piece; }

void BytePairEncoder::encode(std::string_view piece, Workspace& work, std::vector<int32_t>& ids) const {
  const auto size = static_cast<int64_t>(piece.size());
  auto& [symbols, heap] = work;
  symbols.resize(piece.size());
  heap.clear();
  const auto consider = [&](int64_t at) {
    Workspace::Symbol& symbol = symbols[at];
    symbol.merge = symbol.next < size ? merged(symbol.id, symbols[symbol.next].id) : -1;
    if (symbol.merge < 0) return;
    heap.push_back({symbol.merge, at});
    std::push_heap(heap.begin(), heap.end());
  };

  for (int64_t i = 0; i < size; ++i) {
    const int32_t byte_id = kBytes.id_of_byte[static_cast<uint8_t>(piece[i])];
    symbols[i] = {.id = i + 1 < size ? byte_id : 256 + byte_id, .merge = -1, .previous = i - 1, .next = i + 1};
  }
  for (int64_t i = 0; i + 1 < size; ++i) consider(i);

  while (!heap.empty()) {
    const Workspace::Candidate best = heap.front();
    std::pop_heap(heap.begin(), heap.end());
    heap.pop_back();
    Workspace::Symbol& symbol = symbols[best.at];
    if (symbol.merge != best.merge) continue;  // one of the two is part of another merge by now
    Workspace::Symbol& right = symbols[symbol.next];
    right.merge = -1;
    symbol.id = best.merge;
    symbol.next = right.next;
    if (symbol.next < size) symbols[symbol.next].previous = best.at;
    consider(best.at);
    if (symbol.previous >= 0) consider(symbol.previous);
  }
  for (int64_t i = 0; i < size; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace cambium::clip
