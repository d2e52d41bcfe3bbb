// Real pictures through the whole stream: shards, decoding, random crops.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/log.h"
#include "data/augment.h"
#include "data/loader.h"
#include "data/shards.h"
#include "io/image.h"
#include "support/temporary_directory.h"

namespace cambium::data {
namespace {

io::Image picture(int64_t number) {
  io::Image image(40, 30, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(i * static_cast<size_t>(7 + number) / 5);
  return image;
}

class Pictures : public testing::Test {
 protected:
  // 30 samples: PNG, WebP and JPEG in turn; the 4th is no picture, the 11th cut short, and the 20th lacks its caption.
  void SetUp() override {
    log::set_level(log::Level::off);
    io::TarWriter tar(folder_.path() / "0.tar");
    for (int64_t i = 0; i < 30; ++i) {
      const std::string stem = std::to_string(i);
      const char* extensions[] = {".png", ".webp", ".jpg"};
      std::string bytes = i % 3 == 0   ? io::encode_png(picture(i))
                          : i % 3 == 1 ? io::encode_webp(picture(i))
                                       : io::encode_jpeg(picture(i));
      if (i == 4) bytes = "<html>not found</html>";
      if (i == 11) bytes.resize(bytes.size() / 2);
      tar.add(stem + extensions[i % 3], bytes);
      tar.add(stem + ".json", i == 20 ? "{}" : R"({"caption": "words"})");
    }
    tar.commit();
    shards_ = std::make_shared<ImageTextShards>(std::vector<std::string>{(folder_.path() / "0.tar").string()});
  }
  void TearDown() override { log::set_level(log::Level::info); }

  Loader<io::Image> loader(int64_t threads) const {
    const RandomResizedCropOptions crop{.size = 16};
    return {shards_,
            [crop](Sample&& sample, Rng& rng) {
              return random_resized_crop(io::to_rgb(io::decode_image(sample.image, sample.source)), crop, rng);
            },
            {.stream = {.seed = 1, .shuffle_buffer = 10}, .batch_size = 27, .threads = threads, .prefetch = 20}};
  }

  cambium::test::TemporaryDirectory folder_;
  std::shared_ptr<const Dataset> shards_;
};

std::vector<uint8_t> bytes(const std::vector<io::Image>& images) {
  std::vector<uint8_t> all;
  for (const io::Image& image : images) all.insert(all.end(), image.pixels.begin(), image.pixels.end());
  return all;
}

TEST_F(Pictures, UndecodableOnesAreSkippedAndCounted) {
  Loader<io::Image> stream = loader(2);
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_EQ(stream.next()->size(), 27u);
    EXPECT_EQ(stream.pass(), pass);
  }
  // The third pass's last bad sample may lie behind its last good one.
  const LoaderStats stats = stream.take_stats();
  EXPECT_EQ(stats.samples, 81);
  EXPECT_GE(stats.skipped, 6);
  EXPECT_LE(stats.skipped, 9);
}

TEST_F(Pictures, PixelsAreTheSameWithAnyThreadsAndAfterRestoring) {
  Loader<io::Image> alone = loader(0);
  std::vector<std::vector<uint8_t>> expected;
  std::vector<nlohmann::json> states;
  for (int step = 0; step < 8; ++step) {
    states.push_back(alone.state());
    expected.push_back(bytes(*alone.next()));
  }
  EXPECT_NE(expected[0], expected[1]);
  Loader<io::Image> threaded = loader(3);
  for (int step = 0; step < 8; ++step) EXPECT_EQ(bytes(*threaded.next()), expected[static_cast<size_t>(step)]) << step;
  for (const size_t step : {5, 2, 7}) {
    threaded.restore(states[step]);
    EXPECT_EQ(bytes(*threaded.next()), expected[step]) << step;
  }
}

}  // namespace
}  // namespace cambium::data
