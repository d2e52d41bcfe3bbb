#pragma once
// TensorBoard's event files: records of tensorflow.Event protobufs, framed as TFRecord.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::train {

class EventWriter {
 public:
  // Creates <folder>/events.out.tfevents.<seconds>.<host>.<pid>. With `resumed_at` >= 0 TensorBoard drops what earlier
  // files of the folder hold from that step on.
  explicit EventWriter(const std::filesystem::path& folder, int64_t resumed_at = -1);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  void scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  // `png`: the encoded picture.
  void picture(int64_t step, const std::string& name, std::string_view png, int64_t width, int64_t height);
  void text(int64_t step, const std::string& name, const std::string& text);

  const std::filesystem::path& path() const { return path_; }

 private:
  void record(const std::string& event);

  std::filesystem::path path_;
  int descriptor_ = -1;
};

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), and TFRecord's masking of it.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace cambium::train
