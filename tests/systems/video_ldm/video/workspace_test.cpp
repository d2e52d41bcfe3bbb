#include "systems/video_ldm/video/workspace.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::systems::video_ldm {
namespace {

constexpr int64_t kSteps = 4;

// Adds 1 at every step, from where it was; stops as an interrupted run does before step `stop`.
struct Adder {
  int64_t stop = kSteps, steps = 0;

  at::Tensor operator()(WindowProgress progress, const WindowHooks& hooks) {
    at::Tensor x = progress.x.defined() ? progress.x.clone() : at::zeros({1, 2, 3});
    for (int64_t i = progress.begin; i < kSteps; ++i) {
      if (i == stop) throw Interrupted(2);
      x = x + 1;
      ++steps;
      hooks.after_step({.step = i, .steps = kSteps, .timestep = 0, .x = x, .clean = x}, {});
    }
    return x;
  }
};

TEST(Workspace, KeepsFinishedPieces) {
  const test::TemporaryDirectory directory;
  Adder once, again;
  const Workspace workspace(directory.path() / "film.work", "key");
  const at::Tensor made = workspace.piece("window_0001", std::ref(once));
  EXPECT_TRUE(workspace.has("window_0001"));
  EXPECT_FALSE(workspace.has("step"));
  EXPECT_TRUE(at::equal(Workspace(directory.path() / "film.work", "key").piece("window_0001", std::ref(again)), made));
  EXPECT_EQ(again.steps, 0);
}

TEST(Workspace, GoesOnBehindTheLastFinishedStep) {
  const test::TemporaryDirectory directory;
  const Workspace workspace(directory.path() / "film.work", "key");
  Adder broken{.stop = 3}, rest, other;
  EXPECT_THROW(workspace.piece("window_0001", std::ref(broken)), Interrupted);
  // Another piece does not begin in the middle of this one.
  EXPECT_TRUE(at::equal(workspace.piece("window_0002", std::ref(other)), at::full({1, 2, 3}, float{kSteps})));
  EXPECT_EQ(other.steps, kSteps);
  EXPECT_THROW(workspace.piece("window_0001", std::ref(broken)), Interrupted);
  EXPECT_TRUE(at::equal(workspace.piece("window_0001", std::ref(rest)), at::full({1, 2, 3}, float{kSteps})));
  EXPECT_EQ(rest.steps, 1);
}

TEST(Workspace, RefusesAnotherFilmsLatents) {
  const test::TemporaryDirectory directory;
  const Workspace first(directory.path() / "film.work", "key");
  EXPECT_THROW(Workspace(directory.path() / "film.work", "other"), Error);
  first.remove();
  EXPECT_NO_THROW(Workspace(directory.path() / "film.work", "other"));
}

}  // namespace
}  // namespace cambium::systems::video_ldm
