#include "train/launch.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace cambium::train {
namespace {

struct Launcher {
  const char *rank, *world, *local_rank;
};

// In order of precedence. srun's step count, not the job's: a batch script is one process of a larger job.
constexpr std::array<Launcher, 4> kLaunchers{{
    {"RANK", "WORLD_SIZE", "LOCAL_RANK"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
}};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::optional<int64_t> number(const char* name, int64_t low, int64_t high) {
  const std::string text = variable(name);
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    throw UsageError(
        {.what = "\"" + text + "\" is not a number from " + std::to_string(low) + " to " + std::to_string(high),
         .field = name,
         .mend = "set it as torchrun does, or unset it to train in one process"});
  }
  return value;
}

}  // namespace

Launch launch_from_environment() {
  Launch launch;
  constexpr int64_t kMost = 1 << 20;
  for (const Launcher& launcher : kLaunchers) {
    const auto world = number(launcher.world, 1, kMost);
    if (!world) continue;
    if (*world == 1) return launch;
    const auto rank = number(launcher.rank, 0, *world - 1);
    if (!rank) {
      throw UsageError({.what = std::string(launcher.world) + " is set, but this process has no rank",
                        .field = launcher.rank,
                        .mend = "set it to 0 .. " + std::to_string(*world - 1) + ", or unset " + launcher.world});
    }
    launch.world = *world;
    launch.rank = *rank;
    launch.local_rank = number(launcher.local_rank, 0, kMost).value_or(0);
    break;
  }
  if (launch.world == 1) return launch;
  launch.master_addr = variable("MASTER_ADDR");
  const auto port = number("MASTER_PORT", 1, 65535);
  if (launch.master_addr.empty() || !port) {
    throw UsageError({.what = "is not set, so the " + std::to_string(launch.world) + " ranks cannot find each other",
                      .field = launch.master_addr.empty() ? "MASTER_ADDR" : "MASTER_PORT",
                      .mend = "set MASTER_ADDR to the host of rank 0 and MASTER_PORT to a free port there"});
  }
  launch.master_port = static_cast<uint16_t>(*port);
  launch.agent_store = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  const std::string restart = variable("TORCHELASTIC_RESTART_COUNT");
  launch.store_prefix = "cambium/" + (restart.empty() ? std::string("0") : restart);
  return launch;
}

}  // namespace cambium::train
