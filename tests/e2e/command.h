#pragma once
// Runs the built command as a user would.
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

// A folder with `count` pictures of the emoji fixture and captions.csv.
std::filesystem::path make_caption_folder(const std::filesystem::path& folder, int count);

}  // namespace cambium::test
