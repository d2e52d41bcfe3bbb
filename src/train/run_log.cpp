#include "train/run_log.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace cambium::train {
namespace fs = std::filesystem;
namespace {

constexpr const char* kName = "log.jsonl";

// The lines up to and including `step`.
void truncate_after(const fs::path& path, int64_t step) {
  const std::string text = read_file(path);
  std::string kept;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn by a kill
    const auto line = nlohmann::json::parse(text.begin() + static_cast<ptrdiff_t>(begin),
                                            text.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    if (line.is_object() && line.contains("step") && line["step"].is_number_integer() &&
        line["step"].get<int64_t>() <= step) {
      kept.append(text, begin, end - begin + 1);
    }
    begin = end + 1;
  }
  if (kept.size() != text.size()) write_file(path, kept);
}

}  // namespace

bool RunLog::exists(const fs::path& run) { return fs::exists(run / kName); }

RunLog::RunLog(const fs::path& run, int64_t step, bool tensorboard) : path_(run / kName) {
  std::error_code code;
  fs::create_directories(run, code);
  if (!code && fs::exists(path_)) truncate_after(path_, step);
  descriptor_ = open(path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw Error({.what = std::string("cannot open the log: ") + std::strerror(errno),
                 .file = path_.string(),
                 .mend = "check that the run folder may be written"});
  }
  if (tensorboard) events_ = std::make_unique<EventWriter>(run, step > 0 ? step : -1);
}

RunLog::~RunLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

void RunLog::write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  nlohmann::ordered_json line = {{"step", step}};
  for (const auto& [name, value] : values) line[name] = value;
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const ssize_t written = ::write(descriptor_, text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    throw Error({.what = std::string("cannot write: ") + std::strerror(written < 0 ? errno : ENOSPC),
                 .file = path_.string(),
                 .mend = "free some disk space and go on with --resume"});
  }
  if (events_) events_->scalars(step, values);
}

void RunLog::write(int64_t step, const Samples& samples) {
  if (!events_) return;
  for (const auto& picture : samples.pictures)
    events_->picture(step, picture.name, picture.png, picture.width, picture.height);
  for (const auto& [name, text] : samples.texts) events_->text(step, name, text);
}

}  // namespace cambium::train
