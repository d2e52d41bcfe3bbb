#include "e2e/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "core/atomic_file.h"
#include "io/tar.h"
#include "support/source_dir.h"

namespace cambium::test {
namespace fs = std::filesystem;

Process::Process(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment) {
  static int count = 0;
  const fs::path base =
      fs::temp_directory_path() / ("cambium-e2e-" + std::to_string(getpid()) + "-" + std::to_string(count++));
  out_ = base.string() + ".out";
  error_ = base.string() + ".err";
  std::vector<std::string> words = {CAMBIUM_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ > 0) return;
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  const auto redirect = [](const fs::path& file, int to) {
    dup2(open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), to);
  };
  redirect(out_, STDOUT_FILENO);
  redirect(error_, STDERR_FILENO);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove(out_, ignored);
  fs::remove(error_, ignored);
}

void Process::signal(int signal) const { kill(pid_, signal); }

Outcome Process::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = read_file(out_),
          .error = read_file(error_)};
}

Outcome run(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment) {
  return Process(arguments, environment).wait();
}

void expect_error(const std::vector<std::string>& arguments, int code, const std::vector<std::string>& words) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.exit_code, code) << outcome.error;
  EXPECT_EQ(outcome.error.rfind("error: ", 0), 0u) << outcome.error;
  EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  for (const auto& word : words)
    EXPECT_NE(outcome.error.find(word), std::string::npos) << word << " is not in: " << outcome.error;
}

std::array<Outcome, 2> run_two_ranks(const std::vector<std::string>& arguments) {
  static int calls = 0;
  const std::string port = std::to_string(20000 + (getpid() + 7919 * calls++) % 20000);
  const auto rank = [&](int index) {
    return std::map<std::string, std::string>{{"RANK", std::to_string(index)},
                                              {"LOCAL_RANK", std::to_string(index)},
                                              {"WORLD_SIZE", "2"},
                                              {"MASTER_ADDR", "127.0.0.1"},
                                              {"MASTER_PORT", port}};
  };
  Process zero(arguments, rank(0)), one(arguments, rank(1));
  Outcome first = zero.wait();
  return {std::move(first), one.wait()};
}

std::vector<double> logged_losses(const fs::path& run) {
  std::vector<double> values;
  std::istringstream lines(read_file(run / "log.jsonl"));
  for (std::string line; std::getline(lines, line);)
    values.push_back(nlohmann::json::parse(line).at("loss").get<double>());
  return values;
}

fs::path make_caption_folder(const fs::path& folder, int count) {
  const io::TarFile tar(test::source_dir() / "tests/fixtures/emoji/noto-seen.tar");
  std::string table = "image,caption\n";
  int made = 0;
  for (auto sample = io::sample_at(tar, 0); sample && made < count; sample = io::sample_at(tar, sample->next), ++made) {
    const auto words = nlohmann::json::parse(tar.read(*sample->find("json")));
    write_file(folder / (sample->key + ".png"), tar.read(*sample->find("png")));
    table += sample->key + ".png,\"" + words.at("caption").get<std::string>() + "\"\n";
  }
  write_file(folder / "captions.csv", table);
  return folder;
}

}  // namespace cambium::test
