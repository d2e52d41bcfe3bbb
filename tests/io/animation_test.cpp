#include "io/animation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "image_fixtures.h"
#include "support/source_dir.h"

namespace cambium::io {
namespace {

using test::digest;
using test::drawn;

std::filesystem::path fixture(const std::string& name) {
  return test::source_dir() / "tests/fixtures/animations" / name;
}

// What Pillow shows of the fixtures (make.py there).
const nlohmann::json& expectations() {
  static const nlohmann::json expected = nlohmann::json::parse(std::ifstream(fixture("expected.json")));
  return expected;
}

class GoodAnimation : public testing::TestWithParam<std::string> {};

TEST_P(GoodAnimation, ShowsWhatPillowShows) {
  const auto& expected = expectations().at(GetParam());
  AnimationReader reader(fixture(GetParam()));
  ASSERT_EQ(reader.info().times.size(), expected.size());
  double time = 0;
  for (const auto& frame : expected) {
    const auto got = reader.next();
    ASSERT_TRUE(got);
    EXPECT_NEAR(got->time, time, 1e-9);
    EXPECT_EQ(digest(got->image), frame.at("digest")) << "at " << time << " s";
    time += frame.at("seconds").get<double>();
  }
  EXPECT_FALSE(reader.next());
  EXPECT_NEAR(reader.info().seconds, time, 1e-9);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, frames] : expectations().items()) all.push_back(name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, GoodAnimation, testing::ValuesIn(names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

TEST(Animation, SaysHowOftenItIsShown) {
  EXPECT_EQ(AnimationReader(fixture("opaque.webp")).info().loops, 3);
  EXPECT_EQ(AnimationReader(fixture("cut_out.webp")).info().loops, 0);
  EXPECT_EQ(AnimationReader(fixture("keep.gif")).info().loops, 0);
}

TEST(Animation, ComesBackFromWebpBitForBit) {
  AnimatedWebpEncoder encoder(40, 24, {.lossless = true, .loops = 7});
  for (int64_t i = 0; i < 5; ++i) encoder.add(drawn(40, 24, 3, i), static_cast<double>(i) / 12);
  AnimationReader reader(encoder.finish(5.0 / 12), "film.webp");
  EXPECT_EQ(reader.info().loops, 7);
  for (int64_t i = 0; i < 5; ++i) {
    const auto frame = reader.next();
    ASSERT_TRUE(frame);
    EXPECT_NEAR(frame->time, static_cast<double>(i) / 12, 5e-4);
    EXPECT_EQ(frame->image.pixels, drawn(40, 24, 3, i).pixels);
  }
  EXPECT_NEAR(reader.info().seconds, 5.0 / 12, 5e-4);
}

TEST(Animation, KeepsFramesThatDoNotChange) {
  AnimatedWebpEncoder encoder(16, 16, {.lossless = true});
  for (int64_t i = 0; i < 4; ++i) encoder.add(drawn(16, 16, 3, i / 2), static_cast<double>(i));
  const AnimationReader reader(encoder.finish(4), "film.webp");
  EXPECT_NEAR(reader.info().seconds, 4, 1e-9);
}

// Every byte string is a film or one sentence that names it.
void reads_or_complains(const std::string& bytes) {
  try {
    AnimationReader reader(bytes, "film", {.decode = {.max_side = 64, .max_pixels = 4096}});
    while (reader.next()) {
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "film");
  }
}

TEST(Animation, CutShortOrBrokenIsOneSentence) {
  for (const std::string& name : names()) {
    const std::string bytes = read_file(fixture(name));
    for (size_t size = 0; size < bytes.size(); size += 7) reads_or_complains(bytes.substr(0, size));
    for (size_t at = 0; at < bytes.size(); at += 3) {
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ 0x5A);
      reads_or_complains(broken);
    }
    EXPECT_THROW(AnimationReader(bytes.substr(0, bytes.size() / 2), "film"), Error) << name;
  }
  EXPECT_THROW(AnimationReader("", "film"), Error);
  EXPECT_THROW(AnimationReader("no film", "film"), Error);
}

TEST(Animation, RefusesWhatCannotBeWritten) {
  EXPECT_THROW(AnimatedWebpEncoder(0, 16), Error);
  EXPECT_THROW(AnimatedWebpEncoder(16, 20000), Error);
  EXPECT_THROW(AnimatedWebpEncoder(16, 16, {.quality = 101}), UsageError);
  EXPECT_THROW(AnimatedWebpEncoder(16, 16, {.loops = 65536}), UsageError);
  AnimatedWebpEncoder encoder(16, 16);
  EXPECT_THROW(encoder.add(drawn(8, 16, 3, 0), 0), Error);
  EXPECT_THROW(encoder.finish(1), Error);
}

}  // namespace
}  // namespace cambium::io
