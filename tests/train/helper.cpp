// A process of its own for tests that kill, stop or multiply processes: trains the toy task.
//   train_helper RUN STEPS [--resume] [--pause MILLISECONDS] [--no-dropout] [--collectives] [--contrastive]
//   [--hang-rank R] [--die-rank R]
// Ranks come from the environment, as in the real command. Exit codes as the command's.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>

#include <unistd.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "train/distributed.h"
#include "train/loop.h"

#include "train/toy_contrastive.h"
#include "train/toy_task.h"

namespace {

using namespace cambium;

struct Arguments {
  std::string run;
  int64_t steps = 0, pause = 0, hang_rank = -1, die_rank = -1;
  bool resume = false, collectives = false, contrastive = false, dropout = true;
};

Arguments parse(int count, char** words) {
  Arguments arguments{.run = words[1]};
  arguments.steps = std::stoll(words[2]);
  for (int i = 3; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--resume") arguments.resume = true;
    if (word == "--collectives") arguments.collectives = true;
    if (word == "--contrastive") arguments.contrastive = true;
    if (word == "--no-dropout") arguments.dropout = false;
    if (word == "--pause") arguments.pause = std::stoll(words[++i]);
    if (word == "--hang-rank") arguments.hang_rank = std::stoll(words[++i]);
    if (word == "--die-rank") arguments.die_rank = std::stoll(words[++i]);
  }
  return arguments;
}

std::vector<double> numbers(const at::Tensor& t) {
  const at::Tensor flat = t.detach().to(at::kDouble).reshape({-1});
  return std::vector<double>(flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
}

// Prints, as JSON, what the collectives make of known numbers.
void collectives(const train::Distributed& ranks) {
  const int64_t r = ranks.rank();
  const at::Tensor mean = at::full({3}, static_cast<double>(r + 1), at::kFloat);
  const at::Tensor wide = at::arange(5, at::kDouble) * static_cast<double>(r + 1);
  const at::Tensor half = at::full({2, 2}, static_cast<double>(r), at::kBFloat16);
  ranks.all_reduce_mean({mean, wide, half});

  // Rank r's loss is sum over all rows of (r + 1) * (row + 1) * feature^2.
  const at::Tensor features =
      (at::arange(4, at::kFloat).view({2, 2}) + 4.0 * static_cast<double>(r)).requires_grad_(true);
  const at::Tensor all = ranks.all_gather(features);  // [2 * world, 2]
  const at::Tensor weight = at::arange(1, all.size(0) + 1, at::kFloat).unsqueeze(1) * static_cast<double>(r + 1);
  torch::autograd::backward({(weight * all * all).sum()}, {});

  const at::Tensor sent = r == 0 ? at::arange(6, at::kLong) : at::zeros({6}, at::kLong);
  const at::Tensor flags = r == 0 ? at::ones({3}, at::kBool) : at::zeros({3}, at::kBool);
  ranks.broadcast({sent, flags});
  const std::string text = ranks.broadcast(r == 0 ? std::string("from rank 0") : std::string());
  const std::vector<std::string> gathered = ranks.gather(std::string(static_cast<size_t>(r * 3), 'x'));
  ranks.barrier();

  nlohmann::json result = {{"rank", r},
                           {"world", ranks.world()},
                           {"mean", numbers(mean)},
                           {"wide", numbers(wide)},
                           {"half", numbers(half)},
                           {"all", numbers(all)},
                           {"grad", numbers(features.grad())},
                           {"sent", numbers(sent)},
                           {"flags", numbers(flags)},
                           {"text", text},
                           {"gathered", gathered}};
  std::cout << result.dump() << std::endl;
}

// One cached-feature step of 3 micro-batches a rank; prints the mean loss and the mean gradients.
void contrastive(const train::Distributed& ranks) {
  test::ToyContrastive toy(ranks);
  toy.dropout = 0;  // so that one process can do the same
  at::Generator generator = make_generator(9);
  const auto [scalars, gradients] = toy.step(3, generator);
  const at::Tensor loss = scalars.values()[0];
  ranks.all_reduce_mean(gradients);
  ranks.all_reduce_mean({loss});
  nlohmann::json result = {{"loss", loss.item<double>()}, {"gradients", nlohmann::json::array()}};
  for (const at::Tensor& gradient : gradients) result["gradients"].push_back(numbers(gradient));
  std::cout << result.dump() << std::endl;
}

int run(const Arguments& arguments) {
  const auto ranks = train::Distributed::from_environment(
      {.timeout = std::chrono::seconds(60), .stop_deadline = std::chrono::seconds(arguments.hang_rank >= 0 ? 1 : 20)});
  if (arguments.collectives) {
    collectives(ranks);
    return 0;
  }
  if (arguments.contrastive) {
    contrastive(ranks);
    return 0;
  }
  test::ToyTask task({.rank = ranks.rank(),
                      .world = ranks.world(),
                      .dropout = arguments.dropout ? 0.2 : 0,
                      .after = [&](int64_t step) {
                        std::this_thread::sleep_for(std::chrono::milliseconds(arguments.pause));
                        if (step == 6 && arguments.hang_rank == ranks.rank())
                          std::this_thread::sleep_for(std::chrono::seconds(30));
                        if (step == 6 && arguments.die_rank == ranks.rank()) _exit(9);
                      }});
  const train::LoopResult result = train::run_loop(task,
                                                   {.run = arguments.run,
                                                    .steps = arguments.steps,
                                                    .micro_batches = 2,
                                                    .log_every = 1,
                                                    .checkpoint_every = 5,
                                                    .eval_every = 10,
                                                    .keep = 2,
                                                    .ema_decay = 0.9,
                                                    .seed = 3,
                                                    .resume = arguments.resume},
                                                   ranks);
  std::cout << result.step << std::endl;
  return 0;
}

}  // namespace

int main(int count, char** words) {
  at::set_num_threads(1);
  cambium::Progress::set_quiet(true);
  cambium::interrupt::install();
  try {
    return run(parse(count, words));
  } catch (const cambium::Interrupted& stop) {
    return stop.exit_code();
  } catch (const cambium::UsageError& error) {
    std::cerr << error.what() << std::endl;
    return 2;
  } catch (const cambium::Error& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
