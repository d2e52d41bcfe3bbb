#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/sha256.h"
#include "support/temporary_directory.h"

namespace cambium {
namespace {

namespace fs = std::filesystem;

TEST(AtomicFile, UncommittedLeavesTheOldFileAndNothingBeside) {
  const test::TemporaryDirectory folder;
  write_file(folder.path() / "a", "old");
  {
    AtomicFile file(folder.path() / "a");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder.path() / "a"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(AtomicFile, WhereNothingCanBeWrittenTheErrorNamesTheFile) {
  try {
    AtomicFile file("/proc/nowhere/x");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "/proc/nowhere/x");
  }
}

TEST(AtomicDirectory, ReplacesWhole) {
  const test::TemporaryDirectory folder;
  for (const char* text : {"one", "two"}) {
    AtomicDirectory directory(folder.path() / "d");
    write_file(directory.temporary() / "f", text);
    directory.commit();
    EXPECT_EQ(read_file(folder.path() / "d" / "f"), text);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(Sha256, KnownAnswer) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Error, OneSentenceWithFileFieldAndMend) {
  const Error error({.what = "must be positive", .file = "a.yaml", .field = "train.lr", .mend = "use 5e-4"});
  EXPECT_STREQ(error.what(), "a.yaml: train.lr: must be positive; use 5e-4");
}

TEST(Nearest, FindsTheTypo) {
  const std::vector<std::string> known = {"warmup_steps", "total_steps", "lr"};
  EXPECT_EQ(nearest("warmup_step", known), "warmup_steps");
  EXPECT_EQ(nearest("zzzzzzzz", known), "");
}

TEST(Format, People) {
  EXPECT_EQ(format_count(85290372), "85,290,372");
  EXPECT_EQ(format_bytes(12300000), "12.3 MB");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
}

TEST(Interrupt, CheckThrowsWithTheExitCode) {
  interrupt::request(SIGTERM);
  try {
    interrupt::check();
    FAIL() << "no exception";
  } catch (const Interrupted& stop) {
    EXPECT_EQ(stop.exit_code(), 143);
  }
  interrupt::clear();
}

}  // namespace
}  // namespace cambium
