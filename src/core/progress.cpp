#include "core/progress.h"

#include <algorithm>
#include <atomic>
#include <cstdio>

#include <unistd.h>

namespace cambium {
namespace {

std::atomic<bool> quiet_all{false};
constexpr double kTerminalPeriod = 0.1;  // seconds between redraws
constexpr double kLinePeriod = 10.0;     // seconds between plain lines

std::string print_to_string(const char* format, auto... values) {
  char text[160];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

}  // namespace

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t start)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(start),
      done_(start),
      began_(Clock::now()),
      printed_(began_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (!finished_ && terminal_ && shown_ && !quiet_all) std::fputc('\n', stderr);
}

void Progress::set_quiet(bool quiet) { quiet_all = quiet; }

void Progress::update(int64_t done, const std::string& note) {
  done_ = done;
  if (!note.empty()) note_ = note;
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - printed_).count();
  if (since >= (terminal_ ? kTerminalPeriod : kLinePeriod)) print(now, false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  print(Clock::now(), true);
}

void Progress::print(Clock::time_point now, bool last) {
  printed_ = now;
  if (quiet_all) return;
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - began_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - start_) / elapsed : 0;
  std::string line = label_ + ": " + format_count(done_);
  if (total_ > 0) line += "/" + format_count(total_);
  line += " " + unit_ + ", " + print_to_string(rate < 10 ? "%.2f" : "%.0f", rate) + "/s";
  if (last) {
    line += ", " + format_duration(elapsed);
  } else if (total_ > 0 && rate > 0) {
    line += ", " + format_duration(static_cast<double>(total_ - done_) / rate) + " left";
  }
  if (!note_.empty()) line += ", " + note_;
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  std::string bar;
  if (total_ > 0) {
    constexpr int kWidth = 20;
    const int filled =
        static_cast<int>(kWidth * std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0));
    bar = "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] ";
  }
  std::fprintf(stderr, "\r\033[K%s%s%s", bar.c_str(), line.c_str(), last ? "\n" : "");
  std::fflush(stderr);
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600)
    return print_to_string("%lld h %02lld min", (long long)(whole / 3600), (long long)(whole / 60 % 60));
  if (whole >= 60) return print_to_string("%lld min %02lld s", (long long)(whole / 60), (long long)(whole % 60));
  return print_to_string("%.1f s", seconds);
}

std::string format_bytes(double bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  while (bytes >= 1000 && unit < 4) bytes /= 1000, ++unit;
  return print_to_string(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

std::string format_count(int64_t value) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
  return value < 0 ? "-" + digits : digits;
}

}  // namespace cambium
