#include "train/session.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/version.h>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "io/safetensors.h"

namespace cambium::train {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

json schedules_of(const Stepper& stepper) {
  json all = json::object();
  for (size_t i = 0; i < stepper.sets(); ++i) {
    all[stepper.set(i).name] = to_json(stepper.set(i).schedule);
    all[stepper.set(i).name]["lr"] = stepper.set(i).adamw.lr;
  }
  return all;
}

// On every rank, what rank 0 read from `file`.
io::StateDict spread(const fs::path& file, const Distributed& ranks) {
  io::StateDict state;
  if (ranks.main()) state = io::read_safetensors(file);
  if (ranks.world() == 1) return state;
  json layout = json::array();
  for (const auto& [name, tensor] : state.tensors) {
    layout.push_back({name, static_cast<int>(tensor.scalar_type()), tensor.sizes().vec()});
  }
  layout = json::parse(ranks.broadcast(layout.dump()));
  if (!ranks.main()) {
    state.source = file.string();
    for (const json& entry : layout) {
      state.tensors.emplace_back(
          entry[0].get<std::string>(),
          at::empty(entry[2].get<std::vector<int64_t>>(), static_cast<at::ScalarType>(entry[1].get<int>())));
    }
  }
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : state.tensors) tensors.push_back(tensor);
  ranks.broadcast(tensors);
  return state;
}

void check_same_conditions(const CheckpointState& state, const LoopOptions& options, const Distributed& ranks,
                           const fs::path& folder) {
  const auto refuse = [&](const std::string& what, const std::string& mend) {
    throw Error({.what = "was made " + what + ", so this run could not continue it exactly",
                 .file = folder.string(),
                 .mend = mend});
  };
  if (state.world != ranks.world()) {
    refuse("by " + std::to_string(state.world) + " ranks, not " + std::to_string(ranks.world()),
           "start " + std::to_string(state.world) + " ranks, or begin another run from its weights");
  }
  if (state.threads != at::get_num_threads()) {
    refuse("with " + std::to_string(state.threads) + " threads a rank, not " + std::to_string(at::get_num_threads()),
           "pass --threads " + std::to_string(state.threads));
  }
  if (state.seed != options.seed) {
    refuse("with seed " + std::to_string(state.seed) + ", not " + std::to_string(options.seed),
           "pass --seed " + std::to_string(state.seed));
  }
  if (state.step > options.steps) {
    refuse("at step " + std::to_string(state.step) + ", past the " + std::to_string(options.steps) + " asked for",
           "set train.steps higher");
  }
  if (const auto made = state.versions.find("libtorch");
      made != state.versions.end() && made->second != TORCH_VERSION) {
    log::warn(folder.string() + ": was made with LibTorch " + made->second +
              ", this is " TORCH_VERSION "; the run continues, but not bit for bit");
  }
}

}  // namespace

void on_main(const Distributed& ranks, const std::function<void()>& work) {
  if (ranks.world() == 1) return work();
  json failure;
  if (ranks.main()) {
    try {
      work();
    } catch (const Error& error) {
      failure = {error.info().what, error.info().file, error.info().field, error.info().mend};
    }
  }
  failure = json::parse(ranks.broadcast(failure.dump(-1, ' ', false, json::error_handler_t::replace)));
  if (failure.is_null()) return;
  throw Error({.what = failure[0].get<std::string>(),
               .file = failure[1].get<std::string>(),
               .field = failure[2].get<std::string>(),
               .mend = failure[3].get<std::string>()});
}

void save_session(Task& task, Stepper& stepper, const LoopOptions& options, const Distributed& ranks,
                  const at::Generator& generator, int64_t step, double seconds) {
  CheckpointState state{.step = step,
                        .world = ranks.world(),
                        .threads = at::get_num_threads(),
                        .seed = options.seed,
                        .seconds = seconds,
                        .schedules = schedules_of(stepper),
                        .generators = ranks.gather(generator_state(generator)),
                        .data = {},
                        .versions = {{"libtorch", TORCH_VERSION}}};
  for (const std::string& position : ranks.gather(task.data_state().dump()))
    state.data.push_back(json::parse(position));
  on_main(ranks, [&] {
    CheckpointTensors tensors{.model = task.checkpoint_tensors(),
                              .optimizer = stepper.optimizer_state(),
                              .ema = {},
                              .metadata = task.checkpoint_metadata()};
    if (stepper.ema()) tensors.ema = stepper.ema()->average();
    save_checkpoint(options.run, state, tensors, options.keep);
  });
}

Resumed resume_session(Task& task, Stepper& stepper, const LoopOptions& options, const Distributed& ranks,
                       at::Generator& generator) {
  CheckpointState state;
  json found = json::object();
  on_main(ranks, [&] {
    const auto folder = find_checkpoint(options.run);
    if (!folder) return;
    state = read_checkpoint(*folder);
    check_same_conditions(state, options, ranks, *folder);
    if (stepper.ema() && !fs::exists(*folder / "ema.safetensors")) {
      throw Error(
          {.what = "holds no averaged weights", .file = folder->string(), .mend = "resume with train.ema_decay=0"});
    }
    if (state.schedules != schedules_of(stepper)) {
      log::warn(folder->string() +
                ": the learning rate's schedule has changed since; the run continues with the new one");
    }
    found = {{"folder", folder->string()}, {"step", state.step}, {"seconds", state.seconds}};
  });
  found = json::parse(ranks.broadcast(found.dump()));
  if (found.empty()) return {};

  const fs::path folder = found["folder"].get<std::string>();
  copy_by_name(spread(folder / "model.safetensors", ranks), task.checkpoint_tensors());
  stepper.load_optimizer_state(spread(folder / "optimizer.safetensors", ranks));
  if (Ema* ema = stepper.ema()) copy_by_name(spread(folder / "ema.safetensors", ranks), ema->average());

  json own = json::array();
  if (ranks.main()) {
    for (size_t r = 0; r < state.data.size() && r < state.generators.size(); ++r) {
      own.push_back({state.data[r], json::binary({state.generators[r].begin(), state.generators[r].end()})});
    }
  }
  const std::string packed = ranks.broadcast([&] {
    const std::vector<uint8_t> bytes = json::to_cbor(own);
    return std::string(bytes.begin(), bytes.end());
  }());
  own = json::from_cbor(packed);
  const json& mine = own.at(static_cast<size_t>(ranks.rank()));
  const auto& bytes = mine[1].get_binary();
  set_generator_state(generator, std::string(bytes.begin(), bytes.end()));
  task.restore_data(mine[0]);
  return {.step = found["step"].get<int64_t>(), .seconds = found["seconds"].get<double>()};
}

}  // namespace cambium::train
