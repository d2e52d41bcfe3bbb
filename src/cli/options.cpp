#include "cli/options.h"

#include <iostream>

#include "core/atomic_file.h"
#include "core/progress.h"

namespace cambium::cli {

Compute CommonOptions::apply() const {
  set_threads(threads);
  Progress::set_quiet(quiet);
  return resolve_compute(device, dtype);
}

void add_common(CLI::App& command, CommonOptions& options) {
  command.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--dtype", options.dtype, "auto, f32 or bf16: precision of the arithmetic")->capture_default_str();
  command.add_option("--threads", options.threads, "threads to compute with (0: all cores, or OMP_NUM_THREADS)");
  command.add_option("--seed", options.seed, "seed of every random draw");
  command.add_option("--json", options.json, "write the results as JSON to this file (- for standard output)");
  command.add_flag("--quiet", options.quiet, "no progress");
}

void add_model_files(CLI::App& command, systems::meru::ModelFiles& files, const std::string& what, bool required) {
  command.add_option("--weights", files.weights, what)->required(required);
  command.add_option("--delta", files.delta, "a delta.safetensors that cambium train left beside these weights");
  command.add_flag("--allow-foundation", files.allow_foundation,
                   "use the delta with other weights of the same architecture");
}

void write_json(const CommonOptions& options, const std::string& text) {
  if (options.json.empty()) return;
  if (options.json == "-") {
    std::cout << text << "\n";
  } else {
    write_file(options.json, text + "\n");
  }
}

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  return command;
}

}  // namespace cambium::cli
