#include "models/clip/fix_text/badness.h"

#include <array>
#include <cstdint>
#include <vector>

#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

// The few hundred characters that mojibake is made of, by the company in which they are suspicious. A character may be
// of several classes.
enum Class : uint32_t {
  kCommon = 1 << 0,  // seen everywhere
  kC1 = 1 << 1,      // controls that nobody types
  kBad = 1 << 2,     // hardly used but in mojibake
  kLaw = 1 << 3,
  kCurrency = 1 << 4,
  kStart = 1 << 5,  // punctuation that opens
  kEnd = 1 << 6,    // punctuation that closes
  kNumeric = 1 << 7,
  kFace = 1 << 8,         // letters that emoticons are drawn with
  kUpperAccent = 1 << 9,  // Latin, less the faces
  kLowerAccent = 1 << 10,
  kUpperOther = 1 << 11,  // thorn, Greek, Cyrillic
  kLowerOther = 1 << 12,
  kBox = 1 << 13,
  // Not of the table, but of every character:
  kLatinUpper = 1 << 14,  // A-Z
  kLatinLower = 1 << 15,  // a-z
  kNotLatin = 1 << 16,    // anything but A-Z and a-z
  kSpace = 1 << 17,
  kWord = 1 << 18,
  kInLine = 1 << 19,  // anything but a line feed
};

struct Range {
  char32_t first, last;
  uint32_t classes;
};
constexpr Range kRanges[] = {
    {0x80, 0x9F, kC1},           {0xD2, 0xD6, kFace},         {0xD9, 0xDC, kFace},         {0xF2, 0xF6, kFace},
    {0xF8, 0xFC, kFace},         {0xC0, 0xD1, kUpperAccent},  {0xE0, 0xF1, kLowerAccent},  {0x391, 0x3A9, kUpperOther},
    {0x401, 0x42F, kUpperOther}, {0x3B1, 0x3C9, kLowerOther}, {0x430, 0x45F, kLowerOther}, {0x2550, 0x256C, kBox},
};

struct Members {
  uint32_t classes;
  std::u32string_view characters;
};
constexpr Members kMembers[] = {
    {kCommon, U"\u00A0\u00AD·´–—―…’"},
    {kBad, U"¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\uFFFDªº"},
    {kLaw, U"¶§"},
    {kCurrency, U"¢£¥₧€"},
    {kStart, U"¡«¿©΄΅‘‚“„•‹\uF8FF"},
    {kEnd, U"®»˝”›™"},
    {kNumeric, U"²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"},
    {kFace, U"ŐŌŪŲ°"},
    {kUpperAccent, U"ØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"},
    {kLowerAccent, U"ßăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ"},
    {kUpperOther, U"ÞΆΈΉΊΌΎΏΪΫ"},
    {kLowerOther, U"άέήίΰ"},
    {kBox, U"│┌┐┘├┤┬┼▀▄█▌▐░▒▓"},
};

constexpr char32_t kTableEnd = 0x25D0;  // the classes of what lies below are a table; above there are only a few

constexpr std::array<uint16_t, kTableEnd> kTable = [] {
  std::array<uint16_t, kTableEnd> table{};
  for (const Range& range : kRanges) {
    for (char32_t c = range.first; c <= range.last; ++c) table[c] |= static_cast<uint16_t>(range.classes);
  }
  for (const Members& members : kMembers) {
    for (const char32_t c : members.characters) {
      if (c < kTableEnd) table[c] |= static_cast<uint16_t>(members.classes);
    }
  }
  return table;
}();

uint32_t classes_of(char32_t c) {
  uint32_t classes = kInLine | kNotLatin;
  if (c < 0x80) {
    if (c == '\n') classes &= ~kInLine;
    if (c >= 'A' && c <= 'Z') classes = kInLine | kLatinUpper;
    if (c >= 'a' && c <= 'z') classes = kInLine | kLatinLower;
  } else if (c < kTableEnd) {
    classes |= kTable[c];
  } else {
    for (const Members& members : kMembers) {
      if (c >= 0xF8FF && members.characters.find(c) != std::u32string_view::npos) classes |= members.classes;
    }
  }
  if (is_space(c)) classes |= kSpace;
  if (is_word(c)) classes |= kWord;
  return classes;
}

// One place of a pattern: a character of any of these classes, or one of these.
struct Place {
  uint32_t classes = 0;
  std::u32string_view also = {};
};
constexpr size_t kLongest = 7;
struct Pattern {
  std::array<Place, kLongest> places;
};

constexpr Place one(std::u32string_view characters) { return {0, characters}; }

constexpr uint32_t kAccent = kLowerAccent | kUpperAccent;
constexpr uint32_t kSigns = kBox | kStart | kEnd | kCurrency | kNumeric | kLaw;
constexpr uint32_t kArabicTail = kCommon | kCurrency | kBad | kNumeric | kStart;
constexpr uint32_t kCyrillicTail = kC1 | kBad | kStart | kEnd | kCurrency;

constexpr Pattern kPatterns[] = {
    {{{{kC1}}}},
    {{{{kBad | kAccent | kSigns}, {kBad}}}},
    {{{{kLatinLower | kLatinUpper}, {kLowerOther | kUpperOther}, {kBad}}}},
    {{{{kBad}, {kAccent | kSigns}}}},
    {{{{kLowerAccent | kLowerOther | kBox | kEnd | kCurrency | kNumeric}, {kUpperAccent}}}},
    {{{{kBox | kEnd | kCurrency | kNumeric}, {kLowerAccent}}}},
    {{{{kLowerAccent | kBox | kEnd}, {kCurrency}}}},
    {{{{kSpace}, {kUpperAccent}, {kCurrency}}}},
    {{{{kUpperAccent | kBox}, {kNumeric | kLaw}}}},
    {{{{kAccent | kBox | kCurrency | kEnd}, {kStart}, {kNumeric}}}},
    {{{{kAccent | kCurrency | kNumeric | kBox | kLaw}, {kEnd}, {kStart}}}},
    {{{{kCurrency | kNumeric | kBox}, {kStart}}}},
    {{{{kLatinLower}, {kUpperAccent}, {kStart | kCurrency}}}},
    {{{{kBox}, {kFace}}}},
    {{{{kAccent | kCurrency | kNumeric | kStart | kEnd | kLaw}, {kBox}}}},
    {{{{kBox}, {kEnd}}}},
    {{{{kAccent}, {kStart | kEnd}, {kWord}}}},
    // oe before anything but a plain Latin letter; the degree sign after a capital
    {{{one(U"Œœ"), {kNotLatin}}}},
    {{{{kUpperAccent}, one(U"°")}}},
    // Windows-1252 of two-byte characters
    {{{one(U"ÂÃÎÐ"), {kStart | kEnd, U"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´"}}}},
    {{{one(U"×"), one(U"²³")}}},
    // Windows-1252 of Arabic: common characters count, so four are asked for
    {{{one(U"ØÙ"), {kArabicTail, U"ŸŠ®°µ»"}, one(U"ØÙ"), {kArabicTail, U"ŸŠ®°µ»"}}}},
    // Windows-1252 of South Asian alphabets
    {{{one(U"à"), one(U"²µ¹¼½¾")}}},
    // MacRoman
    {{{one(U"√"), one(U"±∂†≠®™´≤≥¥µø")}}},
    {{{one(U"≈"), one(U"°¢")}}},
    {{{one(U"‚"), one(U"Ä"), one(U"ìîïòôúùû†°¢π")}}},
    {{{one(U"‚"), one(U"âó"), one(U"àä°ê")}}},
    // Windows-1251 of U+2000 and on, of Latin-1 and Cyrillic, and twice over
    {{{one(U"в"), one(U"Ђ")}}},
    {{{one(U"ВГРС"), {kCyrillicTail, U"°µ"}, one(U"ВГРС")}}},
    {{{one(U"Г"), one(U"ў"), one(U"В"), one(U"Ђ"), one(U"В"), {kInLine}, {kLatinLower | kLatinUpper, U" "}}}},
    // Windows-1252 of à, á and the no-break space itself
    {{{one(U"Ã"), one(U"\u00A0¡")}}},
    {{{{kLatinLower}, one(U"ÃÂ"), one(U" ")}}},
    {{{{kLatinLower}, {kSpace}, one(U"ÃÂ"), one(U" ")}}},
    // Â before a character that stands for itself
    {{{{kLatinLower | kEnd, U".,?!"}, one(U"Â"), {kStart | kEnd, U" "}}}},
    // Windows-1253 of U+2000 and on, of Latin-1 and Greek; Windows-1257 of U+2000 and on
    {{{one(U"β"), one(U"€"), one(U"™\u00A0Ά\u00AD®°")}}},
    {{{one(U"ΒΓΞΟ"), {kCyrillicTail, U"°"}, one(U"ΒΓΞΟ")}}},
    {{{one(U"ā"), one(U"€")}}},
};

bool fits(const Place& place, char32_t c, uint32_t classes) {
  return (place.classes & classes) != 0 || place.also.find(c) != std::u32string_view::npos;
}

bool is_empty(const Place& place) { return place.classes == 0 && place.also.empty(); }

bool matches(const Pattern& pattern, std::u32string_view text, const uint32_t* classes) {
  for (size_t i = 0; i < kLongest; ++i) {
    if (is_empty(pattern.places[i])) return true;
    if (i >= text.size() || !fits(pattern.places[i], text[i], classes[i])) return false;
  }
  return true;
}

}  // namespace

bool is_bad(std::u32string_view text) {
  // The one rule that holds only where the text begins.
  if (text.size() >= 2 && (text[0] == U'Ã' || text[0] == U'Â') && text[1] == U' ') return true;
  std::vector<uint32_t> classes(text.size());
  for (size_t i = 0; i < text.size(); ++i) classes[i] = classes_of(text[i]);
  for (size_t i = 0; i < text.size(); ++i) {
    for (const Pattern& pattern : kPatterns) {
      if (matches(pattern, text.substr(i), classes.data() + i)) return true;
    }
  }
  return false;
}

}  // namespace cambium::clip::fix_text
