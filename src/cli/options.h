#pragma once
// Options that every command shares, and what a command hands back.
#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

#include "core/device.h"
#include "systems/meru/model_files.h"

namespace cambium::cli {

struct CommonOptions {
  std::string device = "auto";
  std::string dtype = "auto";
  std::string json;  // file for machine-readable results; "" none, "-" standard output
  int threads = 0;
  uint64_t seed = 0;
  bool quiet = false;

  // Applies threads and quiet, and resolves where and in what precision to compute.
  Compute apply() const;
};

// --device, --dtype, --threads, --seed, --json, --quiet.
void add_common(CLI::App& command, CommonOptions& options);

// --weights, --delta, --allow-foundation. `what` says what --weights takes.
void add_model_files(CLI::App& command, systems::meru::ModelFiles& files, const std::string& what, bool required);

// Writes `text` to options.json if one was asked for.
void write_json(const CommonOptions& options, const std::string& text);

// A subcommand with its example shown under --help.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example);

}  // namespace cambium::cli
