#include "systems/video_ldm/video/workspace.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "io/safetensors.h"

namespace cambium::systems::video_ldm {
namespace fs = std::filesystem;

Workspace::Workspace(fs::path folder, std::string key) : folder_(std::move(folder)), key_(std::move(key)) {
  const fs::path key_file = folder_ / "key";
  if (!fs::exists(key_file)) {
    write_file(key_file, key_ + "\n");
    return;
  }
  if (read_file(key_file) != key_ + "\n") {
    throw Error({.what = "holds the latents of a film made otherwise",
                 .file = folder_.string(),
                 .mend = "remove the folder, give the earlier options, or choose another output"});
  }
  log::info(folder_.string() + ": going on with the latents of an earlier run");
}

fs::path Workspace::file(const std::string& name) const { return folder_ / (name + ".safetensors"); }

bool Workspace::has(const std::string& name) const { return fs::exists(file(name)); }

void Workspace::remove() const {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

WindowProgress Workspace::begun(const std::string& name) const {
  if (!has("step")) return {};
  const io::StateDict state = io::read_safetensors(file("step"));
  const auto piece = state.metadata.find("piece"), begin = state.metadata.find("begin");
  if (piece == state.metadata.end() || begin == state.metadata.end() || piece->second != name) return {};
  return {
      .begin = std::stoll(begin->second), .x = state.at("x"), .memory = latent_diffusion::SchedulerMemory::from(state)};
}

void Workspace::keep_step(const std::string& name, const latent_diffusion::StepReport& report,
                          const latent_diffusion::SchedulerMemory& memory) const {
  if (report.step + 1 == report.steps) return;  // the piece itself follows
  io::NamedTensors tensors = memory.tensors();
  tensors.emplace_back("x", report.x);
  io::write_safetensors(file("step"), tensors, {{"piece", name}, {"begin", std::to_string(report.step + 1)}});
}

at::Tensor Workspace::piece(const std::string& name, const Make& make) const {
  if (has(name)) return io::read_safetensors(file(name)).at("latents");
  const WindowHooks hooks{
      .after_step = [&](const latent_diffusion::StepReport& report,
                        const latent_diffusion::SchedulerMemory& memory) { keep_step(name, report, memory); },
      .label = name};
  const at::Tensor latents = make(begun(name), hooks).cpu();
  io::write_safetensors(file(name), {{"latents", latents}});
  std::error_code ignored;
  fs::remove(file("step"), ignored);
  return latents;
}

}  // namespace cambium::systems::video_ldm
