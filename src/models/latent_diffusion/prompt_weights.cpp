#include "models/latent_diffusion/prompt_weights.h"

#include <charconv>
#include <optional>

namespace cambium::latent_diffusion {
namespace {

constexpr double kRound = 1.1, kSquare = 1 / 1.1;

class Parser {
 public:
  std::vector<WeightedText> parse(std::string_view prompt) {
    for (size_t i = 0; i < prompt.size(); ++i) {
      const char c = prompt[i];
      if (c == '\\' && i + 1 < prompt.size() &&
          std::string_view("()[]\\").find(prompt[i + 1]) != std::string_view::npos) {
        say(prompt[++i]);
      } else if (c == '(' || c == '[') {
        (c == '(' ? round_ : square_).push_back(pieces_.size());
        pieces_.push_back({.text = "", .weight = 1});
      } else if (const size_t length = weight_length(prompt.substr(i)); length > 0 && !round_.empty()) {
        close(round_, weight_);
        i += length - 1;
      } else if (c == ')' && !round_.empty()) {
        close(round_, kRound);
      } else if (c == ']' && !square_.empty()) {
        close(square_, kSquare);
      } else {
        say(c);
      }
    }
    while (!round_.empty()) close(round_, kRound);
    while (!square_.empty()) close(square_, kSquare);
    return joined();
  }

 private:
  void say(char c) {
    // A new piece behind one that a bracket has closed.
    if (pieces_.empty() || closed_ == pieces_.size()) pieces_.push_back({.text = "", .weight = 1});
    pieces_.back().text += c;
  }

  void close(std::vector<size_t>& opened, double weight) {
    for (size_t i = opened.back(); i < pieces_.size(); ++i) pieces_[i].weight *= weight;
    opened.pop_back();
    closed_ = pieces_.size();
  }

  // The length of ":1.3)" at the beginning of `text`, its number in weight_; 0 where there is none.
  size_t weight_length(std::string_view text) {
    if (!text.starts_with(':')) return 0;
    const size_t end = text.find(')');
    if (end == std::string_view::npos) return 0;
    const size_t begin = text.find_first_not_of(' ', 1), last = text.find_last_not_of(' ', end - 1);
    if (begin > last) return 0;
    if (text[begin] == '+') return 0;
    const char* const stop = text.data() + last + 1;
    const auto [read, error] = std::from_chars(text.data() + begin, stop, weight_, std::chars_format::fixed);
    return error == std::errc() && read == stop ? end + 1 : 0;
  }

  std::vector<WeightedText> joined() const {
    std::vector<WeightedText> out;
    for (const WeightedText& piece : pieces_) {
      if (piece.text.empty()) continue;
      if (!out.empty() && out.back().weight == piece.weight) {
        out.back().text += piece.text;
      } else {
        out.push_back(piece);
      }
    }
    if (out.empty()) out.push_back({.text = "", .weight = 1});
    return out;
  }

  std::vector<WeightedText> pieces_;
  std::vector<size_t> round_, square_;  // the first piece inside each bracket that is open
  size_t closed_ = 0;                   // pieces when the last bracket closed
  double weight_ = 1;
};

}  // namespace

std::vector<WeightedText> parse_prompt(std::string_view prompt) { return Parser().parse(prompt); }

}  // namespace cambium::latent_diffusion
