#pragma once
// One function per command; each registers its options and what to run. The work itself is in systems/ and below.
#include <CLI/CLI.hpp>

namespace cambium::cli {

void add_train(CLI::App& app);
void add_classify(CLI::App& app);
void add_embed(CLI::App& app);
void add_traverse(CLI::App& app);
void add_eval(CLI::App& app);
void add_index(CLI::App& app);
void add_search(CLI::App& app);
void add_segment(CLI::App& app);
void add_generate(CLI::App& app);
void add_inspect(CLI::App& app);
void add_convert(CLI::App& app);
void add_demo(CLI::App& app);

// What `cambium --version` prints.
std::string version_text();

}  // namespace cambium::cli
