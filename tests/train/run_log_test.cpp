#include "train/run_log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include <protozero/pbf_reader.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::train {
namespace {
namespace fs = std::filesystem;

// The records of an event file, with both sums checked.
std::vector<std::string> records(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<std::string> result;
  for (size_t at = 0; at + 12 <= bytes.size();) {
    uint64_t length = 0;
    uint32_t sum = 0;
    std::memcpy(&length, bytes.data() + at, 8);
    std::memcpy(&sum, bytes.data() + at + 8, 4);
    EXPECT_EQ(sum, masked_crc32c(std::string_view(bytes).substr(at, 8)));
    result.push_back(bytes.substr(at + 12, length));
    std::memcpy(&sum, bytes.data() + at + 12 + length, 4);
    EXPECT_EQ(sum, masked_crc32c(result.back()));
    at += 12 + length + 4;
  }
  return result;
}

TEST(Crc32c, KnownSums) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);            // the polynomial's check value
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(EventWriter, WritesWhatTensorBoardReads) {
  const test::TemporaryDirectory folder;
  fs::path path;
  {
    EventWriter writer(folder.path(), 10);
    writer.scalars(12, {{"loss", 1.5}, {"curv", 0.25}});
    writer.picture(12, "disc", "PNG", 4, 3);
    writer.text(12, "traversal", "a dog");
    path = writer.path();
  }
  EXPECT_EQ(path.filename().string().rfind("events.out.tfevents.", 0), 0u);
  const auto all = records(path);
  ASSERT_EQ(all.size(), 5u);
  protozero::pbf_reader version(all[0]);
  ASSERT_TRUE(version.next(3));
  EXPECT_EQ(version.get_string(), "brain.Event:2");
  protozero::pbf_reader start(all[1]);
  ASSERT_TRUE(start.next(2));
  EXPECT_EQ(start.get_int64(), 11);
  EXPECT_TRUE(start.next(7));

  protozero::pbf_reader event(all[2]);
  ASSERT_TRUE(event.next(2));
  EXPECT_EQ(event.get_int64(), 12);
  ASSERT_TRUE(event.next(5));
  protozero::pbf_reader summary = event.get_message();
  std::vector<std::pair<std::string, float>> values;
  while (summary.next(1)) {
    protozero::pbf_reader value = summary.get_message();
    ASSERT_TRUE(value.next(1));
    const std::string tag = value.get_string();
    ASSERT_TRUE(value.next(2));
    values.emplace_back(tag, value.get_float());
  }
  EXPECT_EQ(values, (std::vector<std::pair<std::string, float>>{{"loss", 1.5f}, {"curv", 0.25f}}));
}

TEST(RunLog, AppendsAndDropsWhatComesAfterTheCheckpoint) {
  const test::TemporaryDirectory folder;
  const fs::path run = folder.path() / "run";
  EXPECT_FALSE(RunLog::exists(run));
  {
    RunLog log(run, 0, false);
    for (int64_t step = 1; step <= 5; ++step) log.write(step, {{"loss", 1.0 / static_cast<double>(step)}});
    log.write(5, {{"eval/top1", 0.5}});
    log.write(6, {{"loss", std::nan("")}});
  }
  EXPECT_TRUE(RunLog::exists(run));
  std::ofstream(run / "log.jsonl", std::ios::app) << "{\"step\": 7, \"lo";  // torn by a kill
  {
    RunLog log(run, 5, true);
    log.write(6, {{"loss", 0.25}});
  }
  EXPECT_EQ(read_file(run / "log.jsonl"),
            "{\"step\":1,\"loss\":1.0}\n{\"step\":2,\"loss\":0.5}\n{\"step\":3,\"loss\":0.3333333333333333}\n{\"step\":"
            "4,\"loss\":0.25}\n"
            "{\"step\":5,\"loss\":0.2}\n{\"step\":5,\"eval/top1\":0.5}\n{\"step\":6,\"loss\":0.25}\n");
}

TEST(RunLog, AFolderThatCannotBeWrittenIsNamed) {
  const test::TemporaryDirectory folder;
  write_file(folder.path() / "file", "x");
  EXPECT_THROW(RunLog(folder.path() / "file" / "run", 0, false), Error);
}

}  // namespace
}  // namespace cambium::train
