#include "train/loop.h"

#include <chrono>
#include <cstdio>
#include <memory>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/random.h"
#include "train/checkpoint.h"
#include "train/run_log.h"
#include "train/session.h"
#include "train/step.h"

namespace cambium::train {
namespace {

using Clock = std::chrono::steady_clock;

bool due(int64_t finished, int64_t every) { return every > 0 && finished % every == 0; }

// Sums of step times between two log lines.
struct Window {
  double seconds = 0, fetch = 0;
  int64_t steps = 0;
  void add(const StepReport& report) {
    seconds += report.seconds;
    fetch += report.fetch_seconds;
    ++steps;
  }
  double per_step() const { return steps > 0 ? seconds / static_cast<double>(steps) : 0; }
  double data_wait() const { return seconds > 0 ? fetch / seconds : 0; }
};

class Loop {
 public:
  Loop(Task& task, const LoopOptions& options, const Distributed& ranks)
      : task_(task),
        options_(options),
        ranks_(ranks),
        stepper_(task, options, ranks),
        generator_(make_generator(mix_seed(options.seed, "train", static_cast<uint64_t>(ranks.rank())))) {
    if (!options_.run.empty() && options_.resume) {
      const Resumed resumed = resume_session(task_, stepper_, options_, ranks_, generator_);
      first_ = saved_ = resumed.step;
      seconds_before_ = resumed.seconds;
      if (ranks_.main() && first_ > 0) log::info("resuming after step " + format_count(first_));
    }
    if (!options_.run.empty() && ranks_.main())
      log_ = std::make_unique<RunLog>(options_.run, first_, options_.tensorboard);
  }

  LoopResult run() {
    std::unique_ptr<Progress> bar;
    if (ranks_.main()) bar = std::make_unique<Progress>(options_.label, options_.steps, "steps", first_);
    LoopResult result{.step = first_, .last = {}};
    for (int64_t step = first_; step < options_.steps; ++step) {
      const StepReport report = stepper_.step(context(step, generator_));
      result.step = step + 1;
      whole_.add(report);
      window_.add(report);
      if (bar) bar->update(result.step, note(report));
      const bool end = result.step == options_.steps;
      if (due(result.step, options_.log_every) || end || report.stop_signal != 0) write_log(result, report);
      if (due(result.step, options_.checkpoint_every) || end || report.stop_signal != 0) save(result.step);
      if (report.stop_signal != 0 && !end) throw Interrupted(report.stop_signal);
      look(result.step, end);
    }
    if (bar) bar->finish();
    result.seconds = elapsed();
    result.seconds_per_step = whole_.per_step();
    result.data_wait = whole_.data_wait();
    if (stepper_.ema()) result.average = stepper_.ema()->average();
    return result;
  }

 private:
  StepContext context(int64_t step, at::Generator& generator) const {
    return {.step = step, .micro_batches = options_.micro_batches, .ranks = ranks_, .generator = generator};
  }

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

  std::string note(const StepReport& report) const {
    char text[96];
    const std::string name = stepper_.sets() > 1 ? stepper_.set(0).name + "/loss" : "loss";
    std::snprintf(text, sizeof text, "loss %.4g, data wait %.0f%%", report.scalars.at(name), 100 * window_.data_wait());
    return text;
  }

  void write_log(LoopResult& result, const StepReport& report) {
    std::vector<std::pair<std::string, double>> values = report.scalars.items();
    result.last = report.scalars;
    values.emplace_back("data_wait", window_.data_wait());
    values.emplace_back("seconds_per_step", window_.per_step());
    values.emplace_back("seconds", seconds_before_ + elapsed());
    if (log_) log_->write(result.step, values);
    window_ = {};
  }

  void save(int64_t finished) {
    if (options_.run.empty() || finished == saved_) return;
    save_session(task_, stepper_, options_, ranks_, generator_, finished, seconds_before_ + elapsed());
    saved_ = finished;
  }

  // Evaluation and samples, with the averaged weights if there are any.
  void look(int64_t finished, bool end) {
    const bool evaluate = options_.eval_every > 0 && (end || due(finished, options_.eval_every));
    const bool sample = options_.sample_every > 0 && (end || due(finished, options_.sample_every));
    if (!evaluate && !sample) return;
    try {
      const at::NoGradGuard guard;
      const Ema::Scope averaged(stepper_.ema());
      if (evaluate) {
        at::Generator generator = aside(finished, "evaluate");
        std::vector<std::pair<std::string, double>> values;
        for (auto& [name, value] : task_.evaluate(context(finished, generator)).items())
          values.emplace_back("eval/" + name, value);
        if (log_ && !values.empty()) log_->write(finished, values);
      }
      if (sample) {
        at::Generator generator = aside(finished, "samples");
        const Samples samples = task_.samples(context(finished, generator));
        if (log_) log_->write(finished, samples);
      }
    } catch (const Interrupted&) {
      // A long evaluation gave way to a stop. Alone, there is nobody to agree with on the step.
      if (ranks_.world() == 1) save(finished);
      throw;
    }
    ranks_.barrier();
  }

  // Looking must not move the training's generator.
  at::Generator aside(int64_t finished, const char* purpose) const {
    const uint64_t seed = mix_seed(options_.seed, purpose, static_cast<uint64_t>(finished));
    return make_generator(mix_seed(seed, "rank", static_cast<uint64_t>(ranks_.rank())));
  }

  Task& task_;
  const LoopOptions& options_;
  const Distributed& ranks_;
  Stepper stepper_;
  at::Generator generator_;
  std::unique_ptr<RunLog> log_;
  Clock::time_point began_ = Clock::now();
  double seconds_before_ = 0;
  int64_t first_ = 0;  // finished before this process
  int64_t saved_ = 0;  // the step of the newest checkpoint
  Window whole_, window_;
};

}  // namespace

void LoopOptions::validate() const {
  const auto positive = [](int64_t value, const char* field, int64_t least) {
    if (value < least)
      throw UsageError({.what = std::to_string(value),
                        .field = std::string("train.") + field,
                        .mend = "use " + std::to_string(least) + " or more"});
  };
  positive(steps, "steps", 1);
  positive(micro_batches, "micro_batches", 1);
  positive(log_every, "log_every", 1);
  positive(checkpoint_every, "checkpoint_every", 0);
  positive(eval_every, "eval_every", 0);
  positive(sample_every, "sample_every", 0);
  positive(keep, "keep", 0);
  if (!(ema_decay >= 0 && ema_decay < 1))
    throw UsageError({.what = "out of range", .field = "train.ema_decay", .mend = "use 0 for none, or less than 1"});
}

void check_run_folder(const LoopOptions& options, const Distributed& ranks) {
  if (options.run.empty() || options.resume) return;
  on_main(ranks, [&] {
    if (!RunLog::exists(options.run) && !find_checkpoint(options.run)) return;
    throw Error({.what = "already holds a run",
                 .file = options.run.string(),
                 .mend = "pass --resume to continue it, or another --run folder"});
  });
}

LoopResult run_loop(Task& task, const LoopOptions& options, const Distributed& ranks) {
  options.validate();
  check_run_folder(options, ranks);
  return Loop(task, options, ranks).run();
}

}  // namespace cambium::train
