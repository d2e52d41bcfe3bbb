#pragma once
// Which rank this process is, from the environment its launcher made.
#include <cstdint>
#include <string>

namespace cambium::train {

struct Launch {
  int64_t rank = 0, world = 1, local_rank = 0;
  std::string master_addr;
  uint16_t master_port = 0;
  bool agent_store = false;  // torchrun's agent already serves the store at master_addr:master_port
  std::string store_prefix;  // keeps a restarted run's keys apart from the last one's
};

// RANK, WORLD_SIZE, LOCAL_RANK (torchrun, PyTorchJob), else the ranks of srun, Open MPI or MPICH; a world of one
// without any. UsageError naming the variable that is missing, not a number, or out of range.
Launch launch_from_environment();

}  // namespace cambium::train
