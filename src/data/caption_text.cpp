#include "data/caption_text.h"

#include <algorithm>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/text.h"

namespace cambium::data {
namespace {

constexpr size_t kTableLimit = size_t{64} << 20;

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = to_lower(c);
  return out;
}

// At the borders aB, a1, 1a and in ABc before B; letters and digits of ASCII stay, as wordsegment's clean() has it.
std::string split(std::string_view name) {
  std::string out;
  char before = ' ';
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!lower(c) && !upper(c) && !digit(c)) {
      before = ' ';
      continue;
    }
    const bool next_lower = i + 1 < name.size() && lower(name[i + 1]);
    const bool border = before == ' ' || digit(before) != digit(c) || (lower(before) && upper(c)) ||
                        (upper(before) && upper(c) && next_lower);
    if (border && !out.empty()) out += ' ';
    out += to_lower(c);
    before = c;
  }
  return out;
}

}  // namespace

SubredditWords::SubredditWords(const std::filesystem::path& table) {
  const std::string bytes = read_file(table, kTableLimit);
  int64_t line = 0;
  for (std::string_view rest = bytes; !rest.empty();) {
    ++line;
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view text = io::trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.empty() || text.starts_with('#')) continue;
    const size_t tab = text.find('\t');
    if (tab == std::string_view::npos || tab == 0 || io::trim(text.substr(tab)).empty() ||
        io::invalid_utf8(text) != std::string_view::npos) {
      throw Error({.what = "is not a subreddit, a tab and its words",
                   .file = table.string(),
                   .field = "line " + std::to_string(line),
                   .mend = "write lines such as 'itookapicture<TAB>i took a picture' in UTF-8"});
    }
    words_[folded(text.substr(0, tab))] = io::trim(text.substr(tab));
  }
}

std::string SubredditWords::words(std::string_view subreddit) const {
  const auto found = words_.find(folded(subreddit));
  return found != words_.end() ? found->second : split(subreddit);
}

namespace {

const std::vector<std::string>& texts_of(const Sample& sample, size_t field) {
  return field == 0 ? sample.captions : sample.extra[field - 1];
}

// A field by weight, among those that hold a text.
size_t draw_field(const Sample& sample, std::span<const double> weights, Rng& rng) {
  const auto weight = [&](size_t field) {
    return texts_of(sample, field).empty() ? 0 : weights.empty() ? 1 : weights[field];
  };
  double total = 0;
  for (size_t field = 0; field <= sample.extra.size(); ++field) total += weight(field);
  double left = rng.uniform() * total;
  size_t chosen = 0;
  for (size_t field = 0; field <= sample.extra.size(); ++field) {
    if (weight(field) == 0) continue;
    chosen = field;
    if ((left -= weight(field)) < 0) break;
  }
  return chosen;
}

}  // namespace

std::string draw_caption(const Sample& sample, const SubredditWords* subreddits, double prefix_probability, Rng& rng,
                         std::span<const double> field_weights) {
  const auto& texts = texts_of(sample, sample.extra.empty() ? 0 : draw_field(sample, field_weights, rng));
  const auto count = static_cast<int64_t>(texts.size());
  const std::string& caption = texts.at(count > 1 ? static_cast<size_t>(rng.below(count)) : 0);
  if (!subreddits || sample.subreddit.empty() || !(rng.uniform() < prefix_probability)) return caption;
  return subreddits->words(sample.subreddit) + " : " + caption;
}

}  // namespace cambium::data
