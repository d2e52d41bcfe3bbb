#pragma once
// Runs the built command as a user would.
#include <array>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cambium::test {

struct Outcome {
  int exit_code = -1;  // 128 + signal where it was killed
  std::string out, error;
};

// Waits for the end. `environment` is added to this process's.
Outcome run(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment = {});

// Started, to be stopped or waited for.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void signal(int signal) const;
  Outcome wait();

 private:
  int pid_ = -1;
  std::filesystem::path out_, error_;
};

// That the call ends with `code` and one sentence that begins with "error: " and holds all of `words`.
void expect_error(const std::vector<std::string>& arguments, int code, const std::vector<std::string>& words);

// One call by two ranks on this machine, and their outcomes.
std::array<Outcome, 2> run_two_ranks(const std::vector<std::string>& arguments);

// The losses in a run folder's log, by step.
std::vector<double> logged_losses(const std::filesystem::path& run);

// A folder with `count` pictures of the emoji fixture and captions.csv.
std::filesystem::path make_caption_folder(const std::filesystem::path& folder, int count);

}  // namespace cambium::test
