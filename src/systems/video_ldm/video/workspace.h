#pragma once
// A film's latents on disk while it is made: nothing that was computed is lost when a run ends before the film does.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "systems/video_ldm/video/window.h"

namespace cambium::systems::video_ldm {

// A folder beside the film: PIECE.safetensors for each finished piece, step.safetensors for the one that is being made.
class Workspace {
 public:
  // Makes the folder, or goes on in it. `key` stands for all that the latents depend on. Error where the folder holds
  // another film's latents.
  Workspace(std::filesystem::path folder, std::string key);

  // The piece as it lies in the folder, else as `make` makes it, beginning at the given progress and calling the given
  // hooks behind every step.
  using Make = std::function<at::Tensor(WindowProgress progress, const WindowHooks& hooks)>;
  at::Tensor piece(const std::string& name, const Make& make) const;

  // Whether the piece was finished by an earlier run, or this one.
  bool has(const std::string& name) const;

  const std::filesystem::path& folder() const { return folder_; }
  // The film is on disk: the folder goes.
  void remove() const;

 private:
  std::filesystem::path file(const std::string& name) const;
  WindowProgress begun(const std::string& name) const;
  void keep_step(const std::string& name, const latent_diffusion::StepReport& report,
                 const latent_diffusion::SchedulerMemory& memory) const;

  std::filesystem::path folder_;
  std::string key_;
};

}  // namespace cambium::systems::video_ldm
