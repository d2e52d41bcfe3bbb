#include "models/clip/tokenizer_files.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/atomic_file.h"
#include "core/paths.h"
#include "models/clip/bpe.h"
#include "models/clip/merges.h"
#include "models/clip/unicode.h"

namespace cambium::clip {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kStart = "<|startoftext|>";
constexpr const char* kEnd = "<|endoftext|>";
constexpr const char* kEndOfPiece = "</w>";

// The characters that stand for bytes, in the order of ids: printable Latin-1, then U+0100 and on for the others.
std::vector<std::string> byte_characters() {
  std::vector<std::string> characters;
  const auto add = [&](char32_t first, char32_t last) {
    for (char32_t c = first; c <= last; ++c) characters.push_back(encode_utf8(std::u32string(1, c)));
  };
  add(0x21, 0x7E);
  add(0xA1, 0xAC);
  add(0xAE, 0xFF);
  add(0x100, 0x100 + 255 - static_cast<char32_t>(characters.size()));
  return characters;
}

// The first merges, one a line, without the header.
std::vector<std::string> merge_lines() {
  std::istringstream text(read_merges(shared_file("assets/bpe_simple_vocab_16e6.txt.gz")));
  std::vector<std::string> lines;
  std::string line;
  std::getline(text, line);
  while (static_cast<int32_t>(lines.size()) < BytePairEncoder::kMerges && std::getline(text, line))
    lines.push_back(line);
  return lines;
}

// {"!": 0, ...}, written by hand: 49,408 keys in their order.
std::string vocabulary(const std::vector<std::string>& merges) {
  std::string text;
  int32_t id = 0;
  const auto add = [&](const std::string& token) {
    text += (id == 0 ? "{" : ", ") + ordered_json(token).dump() + ": " + std::to_string(id);
    ++id;
  };
  for (const std::string& character : byte_characters()) add(character);
  for (const std::string& character : byte_characters()) add(character + kEndOfPiece);
  for (std::string merge : merges) {
    merge.erase(merge.find(' '), 1);
    add(merge);
  }
  add(kStart);
  add(kEnd);
  return text + "}\n";
}

}  // namespace

void write_hugging_face_tokenizer(const fs::path& folder, const std::string& pad) {
  const std::vector<std::string> merges = merge_lines();
  std::string text = "#version: 0.2\n";
  for (const std::string& merge : merges) text += merge + "\n";
  write_file(folder / "merges.txt", text);
  write_file(folder / "vocab.json", vocabulary(merges));
  const ordered_json special = {
      {"bos_token", kStart}, {"eos_token", kEnd}, {"pad_token", pad.empty() ? kEnd : pad}, {"unk_token", kEnd}};
  ordered_json config = {{"tokenizer_class", "CLIPTokenizer"}, {"model_max_length", 77}, {"do_lower_case", true}};
  config.update(special);
  write_file(folder / "special_tokens_map.json", special.dump(2) + "\n");
  write_file(folder / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace cambium::clip
