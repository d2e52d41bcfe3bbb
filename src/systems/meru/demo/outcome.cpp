#include "systems/meru/demo/outcome.h"

#include <cmath>
#include <functional>
#include <optional>

#include "metrics/uncertainty.h"

namespace cambium::systems::meru::demo {
namespace {

using report::Better;
using report::Claim;

struct Measure {
  std::string name;
  bool percent = true;
  std::function<double(const Evaluation&)> value;
  std::function<std::optional<double>(const Evaluation&)> chance = [](const Evaluation&) { return std::nullopt; };
  bool higher = true;
  bool meru_only = false;
};

double share(const at::Tensor& right) { return right.to(at::kDouble).mean().item<double>(); }

Measure accuracy(const std::string& name, Accuracy Evaluation::* level, bool five) {
  return {.name = name,
          .value = [=](const Evaluation& e) { return share(five ? (e.*level).top5 : (e.*level).top1); },
          .chance = [=](const Evaluation& e) { return std::optional(five ? (e.*level).chance5 : (e.*level).chance1); }};
}

Measure recall(const std::string& name, std::vector<double> Evaluation::* values,
               std::vector<double> Evaluation::* chances, size_t k) {
  return {.name = name,
          .value = [=](const Evaluation& e) { return (e.*values)[k]; },
          .chance = [=](const Evaluation& e) { return std::optional((e.*chances)[k]); }};
}

Measure distance(const std::string& name, size_t level) {
  return {.name = name, .percent = false, .value = [=](const Evaluation& e) { return e.chain.mean_distance[level]; }};
}

Measure violation(const std::string& name, double Evaluation::* rate, double Evaluation::* other) {
  return {.name = name,
          .value = [=](const Evaluation& e) { return e.*rate; },
          .chance = [=](const Evaluation& e) { return std::optional(e.*other); },
          .higher = false,
          .meru_only = true};
}

const std::vector<Measure>& measures() {
  static const std::vector<Measure> all = {
      accuracy("name, top 1", &Evaluation::names, false),
      accuracy("name, top 5", &Evaluation::names, true),
      accuracy("subgroup, top 1", &Evaluation::subgroups, false),
      accuracy("subgroup, top 5", &Evaluation::subgroups, true),
      accuracy("group, top 1", &Evaluation::groups, false),
      accuracy("group, top 5", &Evaluation::groups, true),
      recall("picture to name, R@1", &Evaluation::image_to_text, &Evaluation::image_to_text_chance, 0),
      recall("picture to name, R@5", &Evaluation::image_to_text, &Evaluation::image_to_text_chance, 1),
      recall("picture to name, R@10", &Evaluation::image_to_text, &Evaluation::image_to_text_chance, 2),
      recall("name to picture, R@1", &Evaluation::text_to_image, &Evaluation::text_to_image_chance, 0),
      recall("name to picture, R@5", &Evaluation::text_to_image, &Evaluation::text_to_image_chance, 1),
      recall("name to picture, R@10", &Evaluation::text_to_image, &Evaluation::text_to_image_chance, 2),
      distance("distance from root: groups", 0),
      distance("distance from root: subgroups", 1),
      distance("distance from root: names", 2),
      distance("distance from root: pictures", 3),
      {.name = "chains in order (group, subgroup, name, picture)",
       .value = [](const Evaluation& e) { return e.chain.chains_right; },
       .chance = [](const Evaluation& e) { return std::optional(e.chain.chains_right_chance); }},
      {.name = "pairs in order",
       .value = [](const Evaluation& e) { return e.chain.pairs_right; },
       .chance = [](const Evaluation&) { return std::optional(0.5); }},
      violation("pictures outside their name's cone", &Evaluation::name_violations, &Evaluation::other_name_violations),
      violation("pictures outside their subgroup's cone", &Evaluation::subgroup_violations,
                &Evaluation::other_subgroup_violations),
      violation("pictures outside their group's cone", &Evaluation::group_violations,
                &Evaluation::other_group_violations)};
  return all;
}

double mean(const std::vector<const Evaluation*>& evaluations, const std::function<double(const Evaluation&)>& value) {
  double sum = 0;
  for (const auto* evaluation : evaluations) sum += value(*evaluation);
  return sum / static_cast<double>(evaluations.size());
}

double spread(const std::vector<const Evaluation*>& evaluations,
              const std::function<double(const Evaluation&)>& value) {
  const double centre = mean(evaluations, value);
  double sum = 0;
  for (const auto* evaluation : evaluations) sum += std::pow(value(*evaluation) - centre, 2);
  return std::sqrt(sum / static_cast<double>(evaluations.size() - 1));
}

}  // namespace

report::Table comparison_table(const std::string& title, const std::vector<const Evaluation*>& meru,
                               const std::vector<const Evaluation*>& clip) {
  const bool several = meru.size() > 1;
  report::Table table{.title = title, .columns = {"measure", "MERU", "CLIP", "chance"}};
  if (several)
    table.columns = {"measure", "MERU", "MERU: deviation over seeds", "CLIP", "CLIP: deviation over seeds", "chance"};
  for (const Measure& measure : measures()) {
    const double ours = mean(meru, measure.value), theirs = mean(clip, measure.value);
    const auto chance = measure.chance(*meru[0]);
    const bool ordered = !measure.meru_only && measure.percent;
    std::vector<report::Cell> row = {measure.name, report::Cell(ours, ordered && ours > theirs)};
    if (several) row.emplace_back(spread(meru, measure.value));
    row.push_back(measure.meru_only ? report::Cell() : report::Cell(theirs, ordered && theirs > ours));
    if (several) row.push_back(measure.meru_only ? report::Cell() : report::Cell(spread(clip, measure.value)));
    row.push_back(chance ? report::Cell(*chance) : report::Cell());
    table.rows.push_back(std::move(row));
  }
  table.note = std::to_string(meru[0]->pictures) +
               " pictures. Distances from the root: MERU's in the hyperboloid's metric, CLIP's 1 - cos to the mean "
               "training embedding. "
               "The chance of a cone violation is the rate for all the other words of that level.";
  return table;
}

std::vector<Claim> claims(const std::vector<SeedOutcome>& outcomes) {
  std::vector<const Evaluation*> meru, clip;
  for (const auto& outcome : outcomes) {
    meru.push_back(&outcome.meru_seen);
    clip.push_back(&outcome.clip_seen);
  }
  std::vector<Claim> out;
  const char* levels[] = {"groups", "subgroups", "names", "pictures"};
  for (size_t i = 0; i < 3; ++i) {
    out.push_back(
        {.claim = std::string("MERU places ") + levels[i] + " nearer the root than " + levels[i + 1] + ", on average",
         .paper = "section 4.3, figure 4",
         .value = mean(meru, [&](const Evaluation& e) { return e.chain.mean_distance[i]; }),
         .against = mean(meru, [&](const Evaluation& e) { return e.chain.mean_distance[i + 1]; }),
         .better = Better::lower});
  }
  const auto chains = [](const Evaluation& e) { return e.chain.chains_right; };
  out.push_back(
      {.claim =
           "More (group, subgroup, name, picture) chains lie in the right order from the root in MERU than in CLIP",
       .paper = "section 4.3",
       .value = mean(meru, chains),
       .against = mean(clip, chains),
       .chance = meru[0]->chain.chains_right_chance});
  const struct {
    const char* level;
    double Evaluation::* rate;
    double Evaluation::* other;
  } cones[] = {{"subgroup's", &Evaluation::subgroup_violations, &Evaluation::other_subgroup_violations},
               {"group's", &Evaluation::group_violations, &Evaluation::other_group_violations}};
  for (const auto& cone : cones) {
    out.push_back({.claim = std::string("A held-out picture lies outside its own ") + cone.level +
                            " entailment cone less often than outside the others'",
                   .paper = "section 3.2, equation 7",
                   .value = mean(meru, [&](const Evaluation& e) { return e.*cone.rate; }),
                   .against = mean(meru, [&](const Evaluation& e) { return e.*cone.other; }),
                   .better = Better::lower});
  }
  for (const Measure& measure : measures()) {
    if (!measure.percent || measure.meru_only || measure.name.find("order") != std::string::npos) continue;
    if (measure.name.find("R@10") != std::string::npos || measure.name.rfind("picture to name", 0) == 0)
      continue;  // name, top k says the same
    const double peer = mean(clip, measure.value);
    out.push_back(report::no_worse_than("MERU's accuracy is no worse than CLIP's: " + measure.name,
                                        "section 4.1, tables 1 and 2", mean(meru, measure.value), peer,
                                        metrics::binomial_standard_error(peer, clip[0]->pictures), Better::higher,
                                        measure.chance(*meru[0])));
  }
  return out;
}

}  // namespace cambium::systems::meru::demo
