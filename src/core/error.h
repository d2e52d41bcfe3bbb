#pragma once
// The one exception type: what happened, where (file, field), and how to mend it, as one sentence.
#include <exception>
#include <string>

namespace cambium {

struct ErrorInfo {
  std::string what;        // "expected 307 tensors, found 12"
  std::string file = {};   // path of the file at fault, if any
  std::string field = {};  // key, tensor, line or option at fault, if any
  std::string mend = {};   // "pass --weights FILE"
};

// Thrown by every room; caught only by cli/ and serve/. Exit code 1 (failure).
class Error : public std::exception {
 public:
  explicit Error(ErrorInfo info);
  const char* what() const noexcept override { return sentence_.c_str(); }
  const ErrorInfo& info() const { return info_; }

 private:
  ErrorInfo info_;
  std::string sentence_;
};

// The command was called wrongly (unknown key in a recipe, value out of range, missing option). Exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// A run was asked to stop (Ctrl-C, SIGTERM) and did so with its work saved. Exit code 128 + signal.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal) : signal_(signal) {}
  const char* what() const noexcept override { return "stopped on request"; }
  int exit_code() const { return 128 + signal_; }

 private:
  int signal_;
};

// The closest of `known` to `word` by edit distance, or "" if none is close: for "did you mean ...".
template <class Range>
std::string nearest(const std::string& word, const Range& known);
int edit_distance(const std::string& a, const std::string& b);

template <class Range>
std::string nearest(const std::string& word, const Range& known) {
  std::string best;
  int best_distance = static_cast<int>(word.size()) / 2 + 2;
  for (const auto& candidate : known) {
    const int distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace cambium
