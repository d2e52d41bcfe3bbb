#pragma once
// Progress of long work: a bar with rate and time left on a terminal, a plain line now and then elsewhere.
#include <chrono>
#include <cstdint>
#include <string>

namespace cambium {

class Progress {
 public:
  // `total` 0 means unknown. `unit` in the plural ("steps", "pictures"). Written to standard error.
  Progress(std::string label, int64_t total, std::string unit, int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` counts from 0 to total; `note` is shown behind ("loss 2.31").
  void update(int64_t done, const std::string& note = {});
  void finish();

  // Silences every bar of the process (tests, --quiet).
  static void set_quiet(bool quiet);

 private:
  using Clock = std::chrono::steady_clock;
  void print(Clock::time_point now, bool last);

  std::string label_, unit_, note_;
  int64_t total_, start_, done_;
  Clock::time_point began_, printed_;
  bool terminal_, finished_ = false, shown_ = false;
};

// "1 h 02 min", "3 min 20 s", "4.2 s".
std::string format_duration(double seconds);
// "12.3 MB" (decimal units).
std::string format_bytes(double bytes);
// "85,290,372".
std::string format_count(int64_t value);

}  // namespace cambium
