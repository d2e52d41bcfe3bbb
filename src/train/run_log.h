#pragma once
// The run's numbers over time: log.jsonl, one JSON object a line, and TensorBoard's events beside it.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "train/task.h"
#include "train/tensorboard.h"

namespace cambium::train {

class RunLog {
 public:
  // Opens <run>/log.jsonl for appending. `step` > 0 continues a run: lines of later steps and a torn last line are
  // dropped, so that no step appears twice. Error naming the file.
  RunLog(const std::filesystem::path& run, int64_t step, bool tensorboard);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  // One line {"step": step, name: value, ...}, on disk at return (flushed to the system, not synced). Not finite: null.
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  void write(int64_t step, const Samples& samples);

  // Whether the folder already holds a run's log.
  static bool exists(const std::filesystem::path& run);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::unique_ptr<EventWriter> events_;
};

}  // namespace cambium::train
