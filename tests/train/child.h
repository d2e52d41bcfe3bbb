#pragma once
// Starts train_helper, which lies beside the test program, and waits for it.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cambium::test {

class Child {
 public:
  Child(const std::filesystem::path& folder, const std::vector<std::string>& arguments,
        const std::map<std::string, std::string>& environment = {}) {
    static int number = 0;
    const std::string stem = (folder / ("child" + std::to_string(number++))).string();
    out_ = stem + ".out";
    error_ = stem + ".err";
    const std::filesystem::path program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "train_helper";
    process_ = fork();
    if (process_ == 0) {
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      setenv("OMP_NUM_THREADS", "1", 1);
      dup2(open(out_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644), STDOUT_FILENO);
      dup2(open(error_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644), STDERR_FILENO);
      std::vector<std::string> words{program.string()};
      words.insert(words.end(), arguments.begin(), arguments.end());
      std::vector<char*> pointers;
      for (std::string& word : words) pointers.push_back(word.data());
      pointers.push_back(nullptr);
      execv(program.c_str(), pointers.data());
      _exit(127);
    }
  }
  ~Child() {
    if (!ended_) {
      signal(SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const { kill(process_, number); }
  bool running() {
    if (!ended_ && waitpid(process_, &status_, WNOHANG) == process_) ended_ = true;
    return !ended_;
  }
  // Exit code, or 128 + the signal that ended it.
  int wait() {
    if (!ended_) waitpid(process_, &status_, 0);
    ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  std::string out() const { return read(out_); }
  std::string error() const { return read(error_); }

 private:
  static std::string read(const std::string& path) {
    std::ifstream stream(path);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  std::string out_, error_;
  pid_t process_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

// A port nobody listens on just now.
inline int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bind(descriptor, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length);
  close(descriptor);
  return ntohs(address.sin_port);
}

inline std::map<std::string, std::string> rank_environment(int rank, int world, int port) {
  return {{"RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(world)},
          {"LOCAL_RANK", std::to_string(rank)},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)}};
}

}  // namespace cambium::test
