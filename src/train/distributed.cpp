#include "train/distributed.h"

#include <ATen/core/ivalue.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
// Gloo's headers come from the system; its code is inside LibTorch.
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef CAMBIUM_NCCL
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <c10/util/Logging.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "train/launch.h"

namespace cambium::train {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(100);  // how often a waiting rank looks for a stop request
constexpr int64_t kBucketBytes = int64_t{64} << 20;     // of one all-reduce: bounds the copy of the gradients

std::string first_sentence(const char* text) {
  std::string line(text);
  // Gloo begins with its source line, "[/path/pair.cc:538] Connection closed by peer"; c10 ends with a backtrace.
  line = line.substr(0, line.find('\n'));
  if (const size_t bracket = line.find("] "); !line.empty() && line.front() == '[' && bracket != std::string::npos) {
    line = line.substr(bracket + 2);
  }
  line = line.substr(0, line.find(". "));  // then come hints for PyTorch's own users
  while (!line.empty() && (line.back() == '.' || line.back() == ' ')) line.pop_back();
  return line;
}

// c10d logs every attempt to connect, with backtraces; the Error says it once. TORCH_CPP_LOG_LEVEL brings the log back.
class QuietLog {
 public:
  QuietLog() : before_(FLAGS_caffe2_log_level) {
    if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
  }
  ~QuietLog() { FLAGS_caffe2_log_level = before_; }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;

 private:
  int before_;
};

c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, const Launch& launch,
                                            std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  const bool loopback = launch.master_addr == "localhost" || launch.master_addr.rfind("127.", 0) == 0;
  if (interface && *interface) {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(interface));
  } else if (loopback) {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
  } else {
    options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
  }
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(launch.rank),
                                                     static_cast<int>(launch.world), options);
}

c10::intrusive_ptr<c10d::Backend> make_backend(const c10::intrusive_ptr<c10d::Store>& store, const Launch& launch,
                                               const DistributedOptions& options) {
#ifdef CAMBIUM_NCCL
  if (options.device.is_cuda()) {
    auto nccl = c10d::ProcessGroupNCCL::Options::create();
    nccl->timeout = options.timeout;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, static_cast<int>(launch.rank),
                                                       static_cast<int>(launch.world), nccl);
  }
#else
  if (options.device.is_cuda())
    log::warn_once("this build has no NCCL: gradients travel through Gloo, by way of the host");
#endif
  return make_gloo(store, launch, options.timeout);
}

}  // namespace

struct Distributed::Group {
  Launch launch;
  DistributedOptions options;
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> backend;  // none in a world of one

  enum class Deadline { after_stop, timeout_only };

  // Where the backend wants its tensors.
  at::Device device() const { return backend->getBackendName() == "gloo" ? at::Device(at::kCPU) : options.device; }

  [[noreturn]] void fail(const std::string& doing, const std::string& why) {
    // A thread may hang in the collective for as long as its timeout, and destroying the group would wait for it: kept
    // to the end.
    static auto* const lost =
        new std::vector<std::pair<c10::intrusive_ptr<c10d::Backend>, c10::intrusive_ptr<c10d::Store>>>;
    lost->emplace_back(std::move(backend), std::move(store));
    throw Error({.what = "rank " + std::to_string(launch.rank) + ": " + doing + " failed: " + why,
                 .mend = "another rank has probably ended; relaunch with --resume to go on from the last checkpoint"});
  }

  // Runs one collective to its end, or throws.
  template <class Start>
  void run(const std::string& doing, Deadline deadline, const Start& start) {
    if (!backend) throw Error({.what = doing + " after the ranks lost each other", .mend = "relaunch with --resume"});
    try {
      const c10::intrusive_ptr<c10d::Work> work = start();
      await(*work, doing, deadline);
      work->wait();
    } catch (const c10::Error& error) {
      fail(doing, first_sentence(error.what_without_backtrace()));
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      fail(doing, first_sentence(error.what()));
    }
  }

  void await(c10d::Work& work, const std::string& doing, Deadline deadline) {
    struct Signal {
      std::mutex mutex;
      std::condition_variable changed;
      bool done = false;
    };
    const auto signal = std::make_shared<Signal>();
    const bool host = device().is_cpu();
    if (host) {  // Gloo completes its future from its own thread; NCCL's is complete once the work is queued
      work.getFuture()->addCallback([signal](c10::ivalue::Future&) {
        const std::lock_guard lock(signal->mutex);
        signal->done = true;
        signal->changed.notify_one();
      });
    }
    Clock::time_point asked = Clock::time_point::max();
    const Clock::time_point began = Clock::now();
    while (true) {
      if (host) {
        std::unique_lock lock(signal->mutex);
        if (signal->changed.wait_for(lock, kPoll, [&] { return signal->done; })) return;
      } else {
        if (work.isCompleted()) return;
        std::this_thread::sleep_for(std::min<Clock::duration>(kPoll, (Clock::now() - began) / 16));
      }
      if (deadline == Deadline::timeout_only || interrupt::requested() == 0) continue;
      asked = std::min(asked, Clock::now());
      if (Clock::now() - asked > options.stop_deadline) {
        fail(doing,
             "a stop was asked for " +
                 std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options.stop_deadline).count()) +
                 " s ago and another rank has not answered");
      }
    }
  }

  void all_reduce_in_place(at::Tensor tensor) {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    run("the all-reduce", Deadline::after_stop, [&] { return backend->allreduce(tensors); });
  }

  std::vector<at::Tensor> gather_equal(const at::Tensor& mine, Deadline deadline) {
    const at::Tensor input = mine.detach().to(device()).contiguous();
    std::vector<std::vector<at::Tensor>> outputs(1);
    for (int64_t r = 0; r < launch.world; ++r) outputs[0].push_back(at::empty_like(input));
    std::vector<at::Tensor> inputs{input};
    run("the all-gather", deadline, [&] { return backend->allgather(outputs, inputs); });
    return outputs[0];
  }

  void broadcast_in_place(at::Tensor tensor) {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    run("the broadcast", Deadline::timeout_only, [&] { return backend->broadcast(tensors); });
  }

  void all_reduce(const std::vector<at::Tensor>& tensors, double scale);
};

void Distributed::Group::all_reduce(const std::vector<at::Tensor>& tensors, double scale) {
  const at::NoGradGuard guard;
  for (size_t begin = 0; begin < tensors.size();) {
    const at::ScalarType dtype = tensors[begin].scalar_type();
    std::vector<at::Tensor> flat;
    size_t end = begin;
    for (int64_t bytes = 0; end < tensors.size() && tensors[end].scalar_type() == dtype; ++end) {
      bytes += static_cast<int64_t>(tensors[end].nbytes());
      if (end > begin && bytes > kBucketBytes) break;
      flat.push_back(tensors[end].detach().to(device()).reshape({-1}));
    }
    const at::Tensor bucket = at::cat(flat);
    all_reduce_in_place(bucket);
    if (scale != 1) bucket.mul_(scale);
    for (int64_t at = 0; begin < end; ++begin) {
      at::Tensor into = tensors[begin];
      into.copy_(bucket.narrow(0, at, into.numel()).view(into.sizes()));
      at += into.numel();
    }
  }
}

namespace {

// Forward: every rank's rows. Backward: the sum over ranks of the gradients of this rank's rows.
struct GatherFunction : torch::autograd::Function<GatherFunction> {
  using Collect = std::function<at::Tensor(const at::Tensor&)>;
  using Reduce = std::function<at::Tensor(const at::Tensor&)>;  // [world * B, ...] -> this rank's [B, ...]

  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& features,
                            const Collect* collect, std::shared_ptr<Reduce> reduce) {
    context->saved_data["reduce"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(std::move(reduce)));
    return (*collect)(features);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto holder = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["reduce"].toCapsule());
    return {(*holder->reduce)(gradients[0]), at::Tensor(), at::Tensor()};
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<Reduce> r) : reduce(std::move(r)) {}
    std::shared_ptr<Reduce> reduce;
  };
};

}  // namespace

Distributed::Distributed() : group_(std::make_unique<Group>()) {}
Distributed::~Distributed() = default;
Distributed::Distributed(Distributed&&) noexcept = default;
Distributed& Distributed::operator=(Distributed&&) noexcept = default;

Distributed Distributed::from_environment(const DistributedOptions& options) {
  Distributed made;
  Group& group = *made.group_;
  group.launch = launch_from_environment();
  group.options = options;
  if (group.launch.world == 1) return made;
  const Launch& launch = group.launch;
  const QuietLog quiet;
  try {
    c10d::TCPStoreOptions store;
    store.port = launch.master_port;
    store.isServer = launch.rank == 0 && !launch.agent_store;
    store.numWorkers = static_cast<size_t>(launch.world);
    store.timeout = options.timeout;
    group.store = c10::make_intrusive<c10d::PrefixStore>(
        launch.store_prefix, c10::make_intrusive<c10d::TCPStore>(launch.master_addr, store));
    group.backend = make_backend(group.store, launch, options);
  } catch (const std::exception& error) {
    const auto* ours = dynamic_cast<const c10::Error*>(&error);
    throw Error(
        {.what = "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.world) +
                 " cannot meet the others at " + launch.master_addr + ":" + std::to_string(launch.master_port) + ": " +
                 first_sentence(ours ? ours->what_without_backtrace() : error.what()),
         .mend = "check MASTER_ADDR and MASTER_PORT, that the port is free and open, and that all ranks were started"});
  }
  return made;
}

int64_t Distributed::rank() const { return group_->launch.rank; }
int64_t Distributed::world() const { return group_->launch.world; }
int64_t Distributed::local_rank() const { return group_->launch.local_rank; }

void Distributed::all_reduce_mean(const std::vector<at::Tensor>& tensors) const {
  if (world() > 1) group_->all_reduce(tensors, 1.0 / static_cast<double>(world()));
}

void Distributed::all_reduce_sum(const std::vector<at::Tensor>& tensors) const {
  if (world() > 1) group_->all_reduce(tensors, 1);
}

at::Tensor Distributed::all_gather(const at::Tensor& features) const {
  if (world() == 1) return features;
  if (features.dim() == 0)
    throw Error({.what = "cannot gather a 0-D tensor", .field = "features", .mend = "give [B, ...]"});
  Group* group = group_.get();
  const int64_t rows = features.size(0);
  const GatherFunction::Collect collect = [group](const at::Tensor& mine) {
    return at::cat(group->gather_equal(mine, Group::Deadline::after_stop)).to(mine.device());
  };
  auto reduce = std::make_shared<GatherFunction::Reduce>([group, rows](const at::Tensor& gradient) {
    const at::Tensor total = gradient.detach().clone(at::MemoryFormat::Contiguous);
    group->all_reduce({total}, 1);
    return total.narrow(0, group->launch.rank * rows, rows);
  });
  return GatherFunction::apply(features, &collect, std::move(reduce));
}

void Distributed::broadcast(const std::vector<at::Tensor>& tensors) const {
  if (world() == 1) return;
  const at::NoGradGuard guard;
  for (at::Tensor tensor : tensors) {
    if (tensor.numel() == 0) continue;
    // As bytes: Gloo knows few dtypes.
    const at::Tensor moved = tensor.detach().to(group_->device()).contiguous();
    group_->broadcast_in_place(moved.reshape({-1}).view(at::kByte));
    if (!main()) tensor.detach().copy_(moved);
  }
}

std::string Distributed::broadcast(const std::string& bytes) const { return gather(main() ? bytes : std::string())[0]; }

std::vector<std::string> Distributed::gather(const std::string& bytes) const {
  if (world() == 1) return {bytes};
  const at::Tensor length = at::full({1}, static_cast<int64_t>(bytes.size()), at::kLong);
  std::vector<int64_t> lengths;
  for (const at::Tensor& l : group_->gather_equal(length, Group::Deadline::timeout_only))
    lengths.push_back(l.item<int64_t>());
  const at::Tensor mine =
      at::zeros({std::max<int64_t>(1, *std::max_element(lengths.begin(), lengths.end()))}, at::kByte);
  std::memcpy(mine.mutable_data_ptr(), bytes.data(), bytes.size());
  std::vector<std::string> all;
  for (const at::Tensor& padded : group_->gather_equal(mine, Group::Deadline::timeout_only)) {
    all.emplace_back(static_cast<const char*>(padded.cpu().const_data_ptr()), static_cast<size_t>(lengths[all.size()]));
  }
  return all;
}

void Distributed::barrier() const {
  if (world() > 1)
    group_->run("the barrier", Group::Deadline::timeout_only, [this] { return group_->backend->barrier(); });
}

}  // namespace cambium::train
