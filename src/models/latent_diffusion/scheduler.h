#pragma once
// The walk from noise to a sample: a list of timesteps, and what is made of the network's output at each of them.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "io/state_dict.h"
#include "models/latent_diffusion/noise_schedule.h"
#include "models/latent_diffusion/scheduler_options.h"

namespace cambium::latent_diffusion {

// What a multistep method keeps between two steps. Saved and restored, sampling goes on as if it had not stopped.
struct SchedulerMemory {
  std::vector<at::Tensor> outputs = {};  // of earlier steps, oldest first
  at::Tensor held = {};                  // pndm: the sample that several calls start from
  at::Tensor sum = {};                   // pndm: the weighted outputs of a Runge-Kutta step so far
  int64_t calls = 0;

  io::NamedTensors tensors() const;
  // Error if a tensor is missing.
  static SchedulerMemory from(const io::StateDict& state);
};

// Steps are counted from 0 to timesteps().size() - 1. Tensors have any rank and device; all is computed and given back
// in float32, whatever the network's dtype.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerOptions& options);
  virtual ~Scheduler() = default;

  // Lays out the walk and forgets earlier ones. pndm calls the network more often than `steps` times: see timesteps().
  // UsageError: fewer than 1 step, more than were trained, timesteps beyond the schedule's end.
  void set_timesteps(int64_t steps);
  int64_t steps() const { return steps_; }
  // One for each call of the network, descending. Fractional or whole for euler and
  // euler_ancestral, whole for the others.
  const std::vector<double>& timesteps() const { return timesteps_; }
  // Noise over signal at each timestep and behind the last; empty for ddim, ddpm and pndm. float32
  const std::vector<float>& sigmas() const { return sigmas_; }

  // What standard normal noise is multiplied by to begin at step 0.
  virtual double init_noise_sigma() const { return 1; }
  // What the network is given for x at step i: in float32, of unit variance.
  virtual at::Tensor scale_model_input(const at::Tensor& x, int64_t i) const;
  // Whether step i reads `noise`.
  virtual bool draws_noise(int64_t) const { return false; }
  // x [N, ...] at step i and the network's output for it -> x at step i + 1. noise: standard normal of x's shape where
  // draws_noise(i), else ignored.
  at::Tensor step(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise = {});
  // The clean sample that `output` means for x at step i; neither clipped nor thresholded.
  virtual at::Tensor clean_estimate(const at::Tensor& output, int64_t i, const at::Tensor& x) const;
  // A clean sample as it is at the beginning of step i (image to image begins there).
  at::Tensor add_noise(const at::Tensor& clean, const at::Tensor& noise, int64_t i) const;

  const SchedulerMemory& memory() const { return memory_; }
  void restore(SchedulerMemory memory) { memory_ = std::move(memory); }

  const SchedulerOptions& options() const { return options_; }
  const NoiseSchedule& schedule() const { return schedule_; }

 protected:
  struct Walk {
    std::vector<double> timesteps;
    std::vector<float> sigmas = {};
  };
  virtual Walk lay_out(int64_t steps) const = 0;
  // x at step i = signal * clean + noise * e. By default signal^2 + noise^2 = 1, of the timestep's alphas_cumprod.
  struct Level {
    float signal, noise;
  };
  virtual Level level(int64_t i) const;
  // All in float32.
  virtual at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) = 0;

  float alpha_bar(int64_t t) const { return alpha_bar_[static_cast<size_t>(t)]; }
  const std::vector<float>& alpha_bars() const { return alpha_bar_; }
  int64_t timestep(int64_t i) const { return static_cast<int64_t>(timesteps_[static_cast<size_t>(i)]); }
  float sigma(int64_t i) const { return sigmas_[static_cast<size_t>(i)]; }
  int64_t last() const { return static_cast<int64_t>(timesteps_.size()) - 1; }
  // The predicted clean sample within the options' bounds.
  at::Tensor bounded(const at::Tensor& clean) const;

  SchedulerOptions options_;
  NoiseSchedule schedule_;
  SchedulerMemory memory_;

 private:
  std::vector<float> alpha_bar_;  // the schedule's table on the host
  std::vector<double> timesteps_;
  std::vector<float> sigmas_;
  int64_t steps_ = 0;
};

std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options);

}  // namespace cambium::latent_diffusion
