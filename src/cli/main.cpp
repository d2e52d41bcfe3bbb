// cambium: one command for training, evaluating and running. Parses, calls, prints; errors become one sentence and an
// exit code here: 2 for a wrong call, 1 for a failure, 128 + signal for a stop on request.
#include <c10/util/Exception.h>

#include <cstdio>
#include <iostream>

#include "cli/commands.h"
#include "core/device.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"

namespace {

int run(int argc, char** argv, bool& debug) {
  CLI::App app("Cambium: a frozen foundation model, a small trained delta and a prompt.", "cambium");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", cambium::cli::version_text);
  app.add_flag("--debug", debug, "more log, and the C++ details of an internal error");
  app.fallthrough();
  app.parse_complete_callback([&] {
    if (debug) cambium::log::set_level(cambium::log::Level::debug);
  });
  namespace cli = cambium::cli;
  for (const auto add :
       {cli::add_train, cli::add_eval, cli::add_demo, cli::add_classify, cli::add_embed, cli::add_traverse,
        cli::add_index, cli::add_search, cli::add_segment, cli::add_generate, cli::add_inspect, cli::add_convert}) {
    add(app);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "error: %s; see cambium --help\n", error.what());
    return 2;
  }
  if (app.get_subcommands().empty()) std::cout << app.help();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool debug = false;
  cambium::interrupt::install();
  cambium::keep_freed_memory();
  try {
    return run(argc, argv, debug);
  } catch (const cambium::Interrupted& stop) {
    std::fprintf(stderr, "stopped on request\n");
    return stop.exit_code();
  } catch (const cambium::UsageError& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  } catch (const cambium::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "error: internal: %s; please report it (--debug shows where)\n",
                 debug ? error.what() : error.what_without_backtrace());
    return 1;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "error: out of memory; use a smaller batch, or --dry-run to see what is needed\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: internal: %s\n", error.what());
    return 1;
  }
}
