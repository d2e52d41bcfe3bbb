#include "train/dry_run.h"

#include <ATen/DeviceAccelerator.h>
#include <unistd.h>

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>

#include "core/device.h"
#include "core/error.h"
#include "core/progress.h"
#include "core/random.h"
#include "train/step.h"

namespace cambium::train {
namespace fs = std::filesystem;
namespace {

constexpr double kHeadroom =
    0.95;  // of what is available: the rest is for the system's page cache and the loader's threads

// A field of /proc/self/status in bytes; 0 if there is none.
int64_t process_memory(const std::string& field) {
  std::ifstream stream("/proc/self/status");
  std::string key, rest;
  while (stream >> key) {
    int64_t kilobytes = 0;
    if (key == field + ":" && stream >> kilobytes) return kilobytes * 1024;
    std::getline(stream, rest);
  }
  return 0;
}

// Starts the resident peak (VmHWM) anew from what is held now.
void reset_peak() {
  std::ofstream stream("/proc/self/clear_refs");
  stream << "5";
}

// While it lives, an allocation beyond the memory that is there fails, instead of bringing the kernel's killer.
class MemoryFence {
 public:
  explicit MemoryFence(int64_t available) {
    if (available <= 0 || getrlimit(RLIMIT_AS, &before_) != 0) return;
    rlimit fence = before_;
    fence.rlim_cur = std::min<rlim_t>(before_.rlim_max, static_cast<rlim_t>(process_memory("VmSize") + available));
    set_ = setrlimit(RLIMIT_AS, &fence) == 0;
  }
  ~MemoryFence() {
    if (set_) setrlimit(RLIMIT_AS, &before_);
  }
  MemoryFence(const MemoryFence&) = delete;
  MemoryFence& operator=(const MemoryFence&) = delete;

 private:
  rlimit before_{};
  bool set_ = false;
};

int64_t count(const NamedTensors& tensors, bool bytes) {
  int64_t total = 0;
  for (const auto& [name, tensor] : tensors) total += bytes ? static_cast<int64_t>(tensor.nbytes()) : tensor.numel();
  return total;
}

int64_t disk_available(const fs::path& run) {
  fs::path existing = fs::absolute(run);
  std::error_code code;
  while (!fs::exists(existing, code) && existing.has_parent_path() && existing != existing.parent_path())
    existing = existing.parent_path();
  const fs::space_info space = fs::space(existing, code);
  return code ? 0 : static_cast<int64_t>(space.available);
}

bool out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) || dynamic_cast<const c10::OutOfMemoryError*>(&error)) return true;
  // The CPU allocator throws a plain c10::Error.
  return std::string(error.what()).find("allocate memory") != std::string::npos;
}

// Peaks are of the device where the parameters are.
struct Meter {
  c10::Device device;
  int64_t available = 0;  // what this process holds included

  explicit Meter(c10::Device where) : device(where) {
    if (device.is_cpu()) {
      available = available_memory_bytes() + process_memory("VmRSS");
    } else {
      const auto held = at::accelerator::getDeviceStats(device.index()).reserved_bytes[0].current;
      available = static_cast<int64_t>(at::accelerator::getMemoryInfo(device.index()).first) + held;
    }
  }
  void reset() const { device.is_cpu() ? reset_peak() : at::accelerator::resetPeakStats(device.index()); }
  int64_t peak() const {
    return device.is_cpu() ? process_memory("VmHWM")
                           : at::accelerator::getDeviceStats(device.index()).reserved_bytes[0].peak;
  }
};

void advise(DryRunReport& report, const LoopOptions& options, int64_t state_bytes) {
  const auto say = [&](const std::string& text) { report.advice += (report.advice.empty() ? "" : "; ") + text; };
  const double room = kHeadroom * static_cast<double>(report.available_memory_bytes);
  if (static_cast<double>(state_bytes) > room) {
    say("weights, gradients and optimizer state alone take " + format_bytes(static_cast<double>(state_bytes)) +
        ": train fewer parameters (freeze towers, LoRA), or use a machine with more memory");
  } else if (!report.measured || static_cast<double>(report.peak_memory_bytes) > room) {
    say("one step does not fit in " + format_bytes(static_cast<double>(report.available_memory_bytes)) +
        ": make the micro-batch smaller and take more of them a step, or turn on activation checkpointing");
  }
  const int64_t kept = options.keep > 0 ? options.keep + 1 : 0;  // one is written before the oldest goes
  if (report.writes_checkpoints && kept > 0 && kept * report.checkpoint_bytes > report.disk_available_bytes) {
    say(std::to_string(options.keep) + " checkpoints of " + format_bytes(static_cast<double>(report.checkpoint_bytes)) +
        " do not fit on the disk (" + format_bytes(static_cast<double>(report.disk_available_bytes)) +
        " free): keep fewer, or put the run folder elsewhere");
  }
  report.fits = report.advice.empty();
}

}  // namespace

DryRunReport dry_run(Task& task, const LoopOptions& options, const Distributed& ranks) {
  options.validate();
  DryRunReport report;
  Stepper stepper(task, options, ranks);
  const NamedTensors parameters = stepper.parameters();
  report.total_parameters = task.total_parameters();
  report.trainable_parameters = count(parameters, false);
  report.steps = options.steps;
  report.writes_checkpoints = !options.run.empty();
  const Meter meter(parameters.front().second.device());
  report.available_memory_bytes = meter.available;
  const int64_t trained = count(parameters, true);
  report.checkpoint_bytes = count(task.checkpoint_tensors(), true) + 2 * trained + (stepper.ema() ? trained : 0);
  report.disk_available_bytes = report.writes_checkpoints ? disk_available(options.run) : 0;

  const int64_t measured = std::min<int64_t>(options.micro_batches, 2);
  at::Generator generator = make_generator(mix_seed(options.seed, "dry run"));
  try {
    const MemoryFence fence(meter.device.is_cpu() ? available_memory_bytes() : 0);
    meter.reset();
    stepper.step({.step = 0,
                  .micro_batches = 1,
                  .ranks = ranks,
                  .generator = generator});  // fills caches, makes the optimizer's state
    const StepReport timed =
        stepper.step({.step = 1, .micro_batches = measured, .ranks = ranks, .generator = generator});
    report.seconds_per_step =
        timed.seconds * static_cast<double>(options.micro_batches) / static_cast<double>(measured);
    report.seconds_in_all = report.seconds_per_step * static_cast<double>(options.steps);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    if (!out_of_memory(error)) throw;
    report.measured = false;
  }
  report.peak_memory_bytes = meter.peak() + (options.micro_batches - measured) * task.micro_batch_bytes();
  advise(report, options, 4 * trained);
  return report;
}

std::string describe(const DryRunReport& report) {
  const auto bytes = [](int64_t value) { return format_bytes(static_cast<double>(value)); };
  std::string text = "parameters     " + format_count(report.total_parameters) + ", of them trained " +
                     format_count(report.trainable_parameters) + "\n";
  text += "memory         " +
          (report.measured ? bytes(report.peak_memory_bytes) + " at the peak of a step"
                           : std::string("more than there is")) +
          ", " + bytes(report.available_memory_bytes) + " available\n";
  if (report.measured) {
    text += "time           " + format_duration(report.seconds_per_step) + " a step, " +
            format_duration(report.seconds_in_all) + " for " + format_count(report.steps) + " steps\n";
  }
  if (report.writes_checkpoints) {
    text += "checkpoints    " + bytes(report.checkpoint_bytes) + " each, " + bytes(report.disk_available_bytes) +
            " free on the disk\n";
  }
  return text + (report.fits ? "it fits\n" : "it does not fit: " + report.advice + "\n");
}

nlohmann::json to_json(const DryRunReport& report) {
  return {{"total_parameters", report.total_parameters},
          {"trainable_parameters", report.trainable_parameters},
          {"steps", report.steps},
          {"seconds_per_step", report.seconds_per_step},
          {"seconds_in_all", report.seconds_in_all},
          {"peak_memory_bytes", report.peak_memory_bytes},
          {"available_memory_bytes", report.available_memory_bytes},
          {"checkpoint_bytes", report.checkpoint_bytes},
          {"disk_available_bytes", report.disk_available_bytes},
          {"measured", report.measured},
          {"fits", report.fits},
          {"advice", report.advice}};
}

}  // namespace cambium::train
