#pragma once
// The ranks of one run: one process each, started by torchrun, Slurm, MPI, Kubernetes or by hand. Knows nothing of
// training.
//
// distributed.cpp is the only file that knows c10d.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cambium::train {

struct DistributedOptions {
  c10::Device device = c10::Device(c10::kCPU);  // CPU: Gloo. CUDA: NCCL where LibTorch was built with it, else Gloo.
  std::chrono::milliseconds timeout = std::chrono::minutes(30);  // of one collective, and of finding each other
  std::chrono::milliseconds stop_deadline =
      std::chrono::seconds(20);  // of one collective once this rank was asked to stop
};

// Every collective must be called by all ranks in the same order. A collective that fails (a rank died, the network
// broke, the deadline passed) throws one Error naming the collective; afterwards the group is unusable and the process
// should end.
class Distributed {
 public:
  Distributed();  // a world of one: every collective is the identity
  ~Distributed();
  Distributed(Distributed&&) noexcept;
  Distributed& operator=(Distributed&&) noexcept;

  // Reads RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT (torchrun, PyTorchJob), else Slurm's, Open MPI's or
  // MPICH's own variables for the ranks; a world of one if there are none. Waits for all ranks. UsageError naming a bad
  // variable.
  static Distributed from_environment(const DistributedOptions& options = {});

  int64_t rank() const;
  int64_t world() const;
  int64_t local_rank() const;  // among the ranks of this machine: which accelerator to take
  bool main() const { return rank() == 0; }

  // In place: each tensor becomes the mean over ranks, bit for bit the same on all. Sent together, in buckets. Any
  // float dtype.
  void all_reduce_mean(const std::vector<at::Tensor>& tensors) const;
  void all_reduce_sum(const std::vector<at::Tensor>& tensors) const;

  // [B, ...] -> [world * B, ...] in rank order, the same B on all ranks. Differentiable: the gradient that reaches a
  // rank's rows on any rank is summed over ranks and returned to the rank that owns them, so that the mean of the
  // ranks' parameter gradients is the gradient of the mean of their losses.
  at::Tensor all_gather(const at::Tensor& features) const;

  // In place, from rank 0.
  void broadcast(const std::vector<at::Tensor>& tensors) const;
  std::string broadcast(const std::string& bytes) const;
  // Every rank's bytes, in rank order, on all ranks.
  std::vector<std::string> gather(const std::string& bytes) const;
  // Waits for all. A stop deadline does not apply: rank 0 may be writing a checkpoint.
  void barrier() const;

 private:
  struct Group;
  std::unique_ptr<Group> group_;
};

}  // namespace cambium::train
