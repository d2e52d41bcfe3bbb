#include <iostream>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "systems/meru/demo/demo.h"
#include "systems/sam_adapter/demo/demo.h"

namespace cambium::cli {
namespace {

const std::vector<std::string> kSystems = {"meru", "sam_adapter"};

struct DemoCommand : CommonOptions {
  std::string system, out = "out/demo", data, foundation;
  std::vector<std::string> set;
  bool smoke = false, full = false;
};

template <class Mode>
Mode mode_of(const DemoCommand& options) {
  return options.smoke ? Mode::smoke : options.full ? Mode::full : Mode::brief;
}

report::Results run_system(const std::string& system, const DemoCommand& options, const Compute& compute,
                           const std::filesystem::path& folder) {
  if (system == "meru") {
    namespace demo = systems::meru::demo;
    return demo::run_demo({.mode = mode_of<demo::Mode>(options),
                           .data = options.data,
                           .out = folder,
                           .overrides = options.set,
                           .seed = options.seed,
                           .compute = compute});
  }
  namespace demo = systems::sam_adapter::demo;
  return demo::run_demo({.mode = mode_of<demo::Mode>(options),
                         .data = options.data,
                         .foundation = options.foundation,
                         .out = folder,
                         .overrides = options.set,
                         .seed = options.seed,
                         .compute = compute});
}

void check(const DemoCommand& options) {
  if (options.smoke && options.full) {
    throw UsageError({.what = "--smoke and --full exclude each other", .field = "demo", .mend = "give one of them"});
  }
  if (options.system.empty() && (!options.data.empty() || !options.set.empty())) {
    throw UsageError({.what = "--data and --set are for one system",
                      .field = "demo",
                      .mend = "name it, as cambium demo sam_adapter"});
  }
  if (!options.foundation.empty() && options.system != "sam_adapter") {
    throw UsageError({.what = "--foundation is for sam_adapter alone",
                      .field = "demo",
                      .mend = "write cambium demo sam_adapter --foundation FILE"});
  }
}

void run(const DemoCommand& options) {
  check(options);
  const Compute compute = options.apply();
  nlohmann::ordered_json all;
  for (const std::string& system : options.system.empty() ? kSystems : std::vector{options.system}) {
    const auto folder = std::filesystem::path(options.out) / system;
    const auto results = run_system(system, options, compute, folder);
    std::cout << report::to_text(results.tables.front().second) << "\n"
              << report::to_text(report::claims_table(results.claims)) << "\n";
    std::cout << results.claims_held() << " of " << results.claims.size()
              << " claims hold; the report: " << (folder / "report.html").string() << "\n";
    all[system] = report::to_json(results);
  }
  write_json(options, (options.system.empty() ? all : all[options.system]).dump(2));
}

}  // namespace

void add_demo(CLI::App& app) {
  auto options = std::make_shared<DemoCommand>();
  CLI::App* command =
      add_command(app, "demo", "train and judge a system on real data, with a report", "cambium demo meru");
  command->add_option("system", options->system, "meru or sam_adapter (default: every system there is)")
      ->check(CLI::IsMember(kSystems));
  command->add_flag("--smoke", options->smoke, "a minute on a fixture: does it run?");
  command->add_flag("--full", options->full, "longer, with three seeds");
  command->add_option("--out", options->out, "folder for the reports")->capture_default_str();
  command->add_option("--data", options->data, "the prepared data (default: in the cache, by scripts/data)");
  command->add_option(
      "--foundation", options->foundation,
      "sam_adapter: the SAM to adapt, as sam_vit_b_01ec64.pth (default: the small one that comes with it)");
  command->add_option("--set", options->set, "override a field of the recipe (may be repeated)")
      ->type_size(1)
      ->allow_extra_args(false);
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
