#include <iostream>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "systems/meru/demo/demo.h"

namespace cambium::cli {
namespace {

struct DemoCommand : CommonOptions {
  std::string system, out = "out/demo", data;
  std::vector<std::string> set;
  bool smoke = false, full = false;
};

void run(const DemoCommand& options) {
  namespace demo = systems::meru::demo;
  if (options.smoke && options.full)
    throw UsageError({.what = "--smoke and --full exclude each other", .field = "demo", .mend = "give one of them"});
  const Compute compute = options.apply();
  const auto folder = std::filesystem::path(options.out) / "meru";
  const auto results = demo::run_demo({.mode = options.smoke  ? demo::Mode::smoke
                                               : options.full ? demo::Mode::full
                                                              : demo::Mode::brief,
                                       .data = options.data,
                                       .out = folder,
                                       .overrides = options.set,
                                       .seed = options.seed,
                                       .compute = compute});
  std::cout << report::to_text(results.tables.front().second) << "\n"
            << report::to_text(report::claims_table(results.claims)) << "\n";
  std::cout << results.claims_held() << " of " << results.claims.size()
            << " claims hold; the report: " << (folder / "report.html").string() << "\n";
  if (!options.json.empty()) write_json(options, report::to_json(results).dump(2));
}

}  // namespace

void add_demo(CLI::App& app) {
  auto options = std::make_shared<DemoCommand>();
  CLI::App* command =
      add_command(app, "demo", "train and judge a system on real data, with a report", "cambium demo meru");
  command->add_option("system", options->system, "meru (default: every system there is)")
      ->check(CLI::IsMember({"meru"}));
  command->add_flag("--smoke", options->smoke, "a minute on a fixture: does it run?");
  command->add_flag("--full", options->full, "longer, with three seeds");
  command->add_option("--out", options->out, "folder for the reports")->capture_default_str();
  command->add_option("--data", options->data, "the prepared data (default: in the cache, by scripts/data)");
  command->add_option("--set", options->set, "override a field of the recipe (may be repeated)")
      ->type_size(1)
      ->allow_extra_args(false);
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
