#include "train/tensorboard.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <protozero/pbf_writer.hpp>

#include "core/error.h"

namespace cambium::train {
namespace {

using protozero::pbf_writer;

// Field numbers of tensorflow/core/util/event.proto, framework/summary.proto and framework/tensor.proto.
namespace event {
constexpr protozero::pbf_tag_type wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7;
}
namespace summary {
constexpr protozero::pbf_tag_type value = 1;
constexpr protozero::pbf_tag_type tag = 1, simple_value = 2, image = 4, tensor = 8, metadata = 9;
constexpr protozero::pbf_tag_type image_height = 1, image_width = 2, image_colorspace = 3, image_bytes = 4;
constexpr protozero::pbf_tag_type metadata_plugin = 1, plugin_name = 1;
}  // namespace summary
namespace tensor {
constexpr protozero::pbf_tag_type dtype = 1, shape = 2, string_value = 8;
constexpr protozero::pbf_tag_type shape_dimension = 2, dimension_size = 1;
constexpr int32_t kString = 7;
}  // namespace tensor
constexpr int32_t kSessionStart = 1;

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

std::string begin_event(int64_t step) {
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_double(event::wall_time,
                    std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  writer.add_int64(event::step, step);
  return bytes;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const unsigned char byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ byte) & 255];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

EventWriter::EventWriter(const std::filesystem::path& folder, int64_t resumed_at) {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  path_ = folder / ("events.out.tfevents." + std::to_string(seconds) + "." + host + "." + std::to_string(getpid()));
  descriptor_ = open(path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw Error({.what = std::string("cannot create the file: ") + std::strerror(errno),
                 .file = path_.string(),
                 .mend = "check that the folder exists and may be written"});
  }
  std::string version = begin_event(0);
  pbf_writer(version).add_string(event::file_version, "brain.Event:2");
  record(version);
  if (resumed_at < 0) return;
  std::string start = begin_event(resumed_at + 1);
  {
    pbf_writer writer(start);
    pbf_writer log(writer, event::session_log);
    log.add_enum(1, kSessionStart);
  }
  record(start);
}

EventWriter::~EventWriter() { close(descriptor_); }

void EventWriter::scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string bytes = begin_event(step);
  {
    pbf_writer writer(bytes);
    pbf_writer all(writer, event::summary);
    for (const auto& [name, number] : values) {
      pbf_writer value(all, summary::value);
      value.add_string(summary::tag, name);
      value.add_float(summary::simple_value, static_cast<float>(number));
    }
  }
  record(bytes);
}

void EventWriter::picture(int64_t step, const std::string& name, std::string_view png, int64_t width, int64_t height) {
  std::string bytes = begin_event(step);
  {
    pbf_writer writer(bytes);
    pbf_writer all(writer, event::summary);
    pbf_writer value(all, summary::value);
    value.add_string(summary::tag, name);
    pbf_writer image(value, summary::image);
    image.add_int32(summary::image_height, static_cast<int32_t>(height));
    image.add_int32(summary::image_width, static_cast<int32_t>(width));
    image.add_int32(summary::image_colorspace, 3);
    image.add_bytes(summary::image_bytes, png.data(), png.size());
  }
  record(bytes);
}

void EventWriter::text(int64_t step, const std::string& name, const std::string& text) {
  std::string bytes = begin_event(step);
  {
    pbf_writer writer(bytes);
    pbf_writer all(writer, event::summary);
    pbf_writer value(all, summary::value);
    value.add_string(summary::tag, name);
    {
      pbf_writer content(value, summary::tensor);
      content.add_enum(tensor::dtype, tensor::kString);
      {
        pbf_writer shape(content, tensor::shape);
        pbf_writer dimension(shape, tensor::shape_dimension);
        dimension.add_int64(tensor::dimension_size, 1);
      }
      content.add_bytes(tensor::string_value, text);
    }
    pbf_writer metadata(value, summary::metadata);
    pbf_writer plugin(metadata, summary::metadata_plugin);
    plugin.add_string(summary::plugin_name, "text");
  }
  record(bytes);
}

// uint64 length, its masked sum, the bytes, their masked sum; little-endian, in one write so that a kill tears at most
// the last.
void EventWriter::record(const std::string& event) {
  std::string framed;
  const auto append = [&](const auto& number) { framed.append(reinterpret_cast<const char*>(&number), sizeof number); };
  const uint64_t length = event.size();
  append(length);
  append(masked_crc32c(framed));
  framed += event;
  append(masked_crc32c(event));
  const ssize_t written = write(descriptor_, framed.data(), framed.size());
  if (written != static_cast<ssize_t>(framed.size())) {
    throw Error({.what = std::string("cannot write: ") + std::strerror(written < 0 ? errno : ENOSPC),
                 .file = path_.string(),
                 .mend = "free some disk space and go on with --resume"});
  }
}

}  // namespace cambium::train
