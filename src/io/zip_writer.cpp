#include "io/zip_writer.h"

#include <algorithm>

#include <zlib.h>

namespace cambium::io {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kIn64 = 0xffffffff;
constexpr uint16_t kPaddingId = 0x4246;       // "FB": torch's own name for its padding
constexpr uint16_t kDate1980 = (1 << 5) | 1;  // the earliest date a zip can hold: the same bytes at any time

template <class T>
void put(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

uint32_t clipped(uint64_t value) { return static_cast<uint32_t>(std::min(value, kIn64)); }
uint16_t version_needed(bool zip64) { return zip64 ? 45 : 20; }

// Version to flags, method, time, date, checksum and sizes: common to both kinds of header.
void put_common(std::string& text, bool zip64, uint32_t checksum, uint64_t size, std::string_view name,
                uint64_t extra) {
  put<uint16_t>(text, version_needed(zip64));
  put<uint16_t>(text, 1 << 11);  // names are UTF-8
  put<uint16_t>(text, 0);        // stored
  put<uint16_t>(text, 0);
  put<uint16_t>(text, kDate1980);
  put<uint32_t>(text, checksum);
  put<uint32_t>(text, zip64 ? clipped(kIn64) : clipped(size));
  put<uint32_t>(text, zip64 ? clipped(kIn64) : clipped(size));
  put<uint16_t>(text, static_cast<uint16_t>(name.size()));
  put<uint16_t>(text, static_cast<uint16_t>(extra));
}

}  // namespace

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  position_ += bytes.size();
}

void ZipWriter::add(std::string_view name, const void* bytes, uint64_t size) {
  const auto checksum = static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(bytes), size));
  const uint64_t start = position_;
  const bool zip64 = size >= kIn64 || start >= kIn64;

  std::string extra;
  if (zip64) {
    put<uint16_t>(extra, 1);
    put<uint16_t>(extra, 16);
    put<uint64_t>(extra, size);
    put<uint64_t>(extra, size);
  }
  const uint64_t before = start + 30 + name.size() + extra.size() + 4;
  const uint64_t padding = (kAlignment - before % kAlignment) % kAlignment;
  put<uint16_t>(extra, kPaddingId);
  put<uint16_t>(extra, static_cast<uint16_t>(padding));
  extra.append(padding, '\0');

  std::string header("PK\3\4", 4);
  put_common(header, zip64, checksum, size, name, extra.size());
  write(header);
  write(name);
  write(extra);
  file_.write(bytes, size);
  position_ += size;

  directory_.append("PK\1\2", 4);
  put<uint16_t>(directory_, version_needed(zip64));
  put_common(directory_, zip64, checksum, size, name, zip64 ? 28 : 0);
  put<uint16_t>(directory_, 0);  // comment
  put<uint16_t>(directory_, 0);  // disk
  put<uint16_t>(directory_, 0);
  put<uint32_t>(directory_, 0);
  put<uint32_t>(directory_, zip64 ? clipped(kIn64) : clipped(start));
  directory_ += name;
  if (zip64) {
    put<uint16_t>(directory_, 1);
    put<uint16_t>(directory_, 24);
    put<uint64_t>(directory_, size);
    put<uint64_t>(directory_, size);
    put<uint64_t>(directory_, start);
  }
  ++count_;
}

void ZipWriter::commit() {
  const uint64_t start = position_;
  const uint64_t size = directory_.size();
  write(directory_);
  std::string end;
  if (start + size >= kIn64 || count_ >= 0xffff) {
    end.append("PK\6\6", 4);
    put<uint64_t>(end, 44);
    put<uint16_t>(end, 45);
    put<uint16_t>(end, 45);
    put<uint32_t>(end, 0);
    put<uint32_t>(end, 0);
    put<uint64_t>(end, count_);
    put<uint64_t>(end, count_);
    put<uint64_t>(end, size);
    put<uint64_t>(end, start);
    end.append("PK\6\7", 4);
    put<uint32_t>(end, 0);
    put<uint64_t>(end, start + size);
    put<uint32_t>(end, 1);
  }
  const auto count16 = static_cast<uint16_t>(std::min<uint64_t>(count_, 0xffff));
  end.append("PK\5\6", 4);
  put<uint16_t>(end, 0);
  put<uint16_t>(end, 0);
  put<uint16_t>(end, count16);
  put<uint16_t>(end, count16);
  put<uint32_t>(end, clipped(size));
  put<uint32_t>(end, clipped(start));
  put<uint16_t>(end, 0);
  write(end);
  file_.commit();
}

}  // namespace cambium::io
