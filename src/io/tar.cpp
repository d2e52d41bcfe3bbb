#include "io/tar.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "io/text.h"

namespace cambium::io {
namespace {

constexpr int64_t kBlock = 512;
constexpr int64_t kNameLimit = int64_t{1} << 20;
constexpr size_t kPartLimit = 256;

using Block = std::array<char, kBlock>;

// Field positions of the header (POSIX.1-1988 ustar).
struct Field {
  size_t offset, size;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kType{156, 1}, kMagic{257, 6}, kPrefix{345, 155};

std::string_view text(const Block& block, Field field) {
  const std::string_view all(block.data() + field.offset, field.size);
  return all.substr(0, std::min(all.find('\0'), all.size()));
}

// Names come from the file: what is not printable is shown as '?', and only so much of it.
std::string shown(std::string_view name) {
  std::string out(name.substr(0, 120));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out;
}

[[noreturn]] void fail(const std::string& file, std::string_view member, std::string what,
                       std::string mend = "fetch or make this shard again") {
  throw Error({.what = std::move(what), .file = file, .field = shown(member), .mend = std::move(mend)});
}

std::string at_byte(int64_t offset) { return " at byte " + std::to_string(offset); }

// Octal text, or GNU's base-256 for large numbers. -1 where it is neither or does not fit.
int64_t number(const Block& block, Field field) {
  const char* at = block.data() + field.offset;
  if (static_cast<unsigned char>(at[0]) & 0x80) {
    if (static_cast<unsigned char>(at[0]) != 0x80) return -1;  // negative, or beyond 88 bits
    uint64_t value = 0;
    for (size_t i = 1; i < field.size; ++i) {
      if (value >> 55) return -1;
      value = value << 8 | static_cast<unsigned char>(at[i]);
    }
    return static_cast<int64_t>(value);
  }
  size_t i = 0;
  while (i < field.size && at[i] == ' ') ++i;
  int64_t value = 0;
  for (; i < field.size && at[i] >= '0' && at[i] <= '7'; ++i) value = value << 3 | (at[i] - '0');
  const bool ended = i == field.size || at[i] == ' ' || at[i] == '\0';
  return ended ? value : -1;
}

bool checksum_holds(const Block& block) {
  int64_t plain = 0, with_sign = 0;  // some old writers summed signed chars
  for (size_t i = 0; i < block.size(); ++i) {
    const bool blank = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const char c = blank ? ' ' : block[i];
    plain += static_cast<unsigned char>(c);
    with_sign += static_cast<signed char>(c);
  }
  const int64_t stored = number(block, kChecksum);
  return stored == plain || stored == with_sign;
}

std::string header_name(const Block& block) {
  std::string name(text(block, kName));
  // GNU's own magic ("ustar  ") keeps other things where ustar has the prefix.
  if (std::memcmp(block.data() + kMagic.offset, "ustar\0", 6) == 0) {
    const std::string_view prefix = text(block, kPrefix);
    if (!prefix.empty()) name = std::string(prefix) + "/" + name;
  }
  return name;
}

struct Pax {
  std::string path;
  int64_t size = -1;
};

// Records "LENGTH KEY=VALUE\n", LENGTH counting all of it.
void parse_pax(const std::string& file, std::string_view records, Pax& pax) {
  while (!records.empty()) {
    size_t length = 0;
    const auto [end, code] = std::from_chars(records.data(), records.data() + records.size(), length);
    const size_t digits = static_cast<size_t>(end - records.data());
    if (code != std::errc() || length > records.size() || length < digits + 3 || *end != ' ' ||
        records[length - 1] != '\n') {
      fail(file, "pax header", "is malformed");
    }
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    records.remove_prefix(length);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos) fail(file, "pax header", "is malformed");
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") {
      pax.path = value;
    } else if (key == "size") {
      const auto [stop, bad] = std::from_chars(value.data(), value.data() + value.size(), pax.size);
      if (bad != std::errc() || stop != value.data() + value.size() || pax.size < 0) {
        fail(file, "pax header", "gives a size that is not a number");
      }
    } else if (key.substr(0, 11) == "GNU.sparse.") {
      fail(file, "pax header", "describes a sparse file, which is not read", "make the shard again without --sparse");
    }
  }
}

}  // namespace

TarFile::TarFile(std::filesystem::path path) : name_(path.string()) {
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    throw Error({.what = std::string("cannot open: ") + std::strerror(errno), .file = name_, .mend = "check the path"});
  }
  try {
    struct stat status{};
    if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      throw Error({.what = "is not a regular file", .file = name_, .mend = "give a .tar file"});
    }
    size_ = status.st_size;
    refuse_other_containers();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

TarFile::TarFile(std::string bytes, std::string name)
    : name_(std::move(name)), bytes_(std::move(bytes)), size_(static_cast<int64_t>(bytes_.size())) {
  refuse_other_containers();
}

TarFile::~TarFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void TarFile::read_at(int64_t offset, char* to, int64_t count) const {
  if (descriptor_ < 0) {
    std::memcpy(to, bytes_.data() + offset, static_cast<size_t>(count));
    return;
  }
  while (count > 0) {
    const ssize_t got = pread(descriptor_, to, static_cast<size_t>(count), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      fail(name_, "", std::string("cannot read") + at_byte(offset) + ": " + std::strerror(errno), "check the disk");
    if (got == 0) fail(name_, "", "became shorter while it was read", "leave the shards alone during a run");
    to += got;
    offset += got;
    count -= got;
  }
}

void TarFile::refuse_other_containers() const {
  if (size_ == 0) throw Error({.what = "is empty", .file = name_, .mend = "fetch or make this shard again"});
  if (size_ < kBlock) fail(name_, "", "is too short to be a tar file (" + std::to_string(size_) + " bytes)");
  Block head;
  read_at(0, head.data(), kBlock);
  if (checksum_holds(head)) return;
  struct Magic {
    std::string_view bytes;
    const char *name, *tool;
  };
  static constexpr Magic kMagics[] = {{"\x1F\x8B", "gzip", "gunzip"},
                                      {"BZh", "bzip2", "bunzip2"},
                                      {"\xFD"
                                       "7zXZ",
                                       "xz", "unxz"},
                                      {"\x28\xB5\x2F\xFD", "zstd", "unzstd"},
                                      {"PK\x03\x04", "zip", "unzip"}};
  for (const Magic& magic : kMagics) {
    if (std::string_view(head.data(), magic.bytes.size()) == magic.bytes) {
      fail(name_, "", std::string("is a ") + magic.name + " file, and shards are read as plain tar",
           std::string("unpack it with ") + magic.tool);
    }
  }
}

std::string TarFile::long_name(int64_t offset, int64_t size) const {
  if (size > kNameLimit) fail(name_, "", "has a name of " + std::to_string(size) + " bytes" + at_byte(offset));
  std::string bytes(static_cast<size_t>(size), '\0');
  read_at(offset, bytes.data(), size);
  return bytes;
}

std::optional<TarMember> TarFile::member(int64_t offset) const {
  TarMember member{.header = offset};
  std::string gnu_name;
  Pax pax;
  for (int64_t at = offset;;) {
    if (at < 0 || at > size_ - kBlock) {
      fail(name_, "", "is cut short: it ends" + at_byte(size_) + " without the end-of-archive blocks");
    }
    Block block;
    read_at(at, block.data(), kBlock);
    if (std::all_of(block.begin(), block.end(), [](char c) { return c == 0; })) return std::nullopt;
    if (!checksum_holds(block)) fail(name_, "", "is damaged or no tar file: wrong header checksum" + at_byte(at));

    const char type = block[kType.offset];
    const bool regular = type == '0' || type == '\0' || type == '7';
    std::string name = !pax.path.empty() ? pax.path : !gnu_name.empty() ? gnu_name : header_name(block);
    int64_t size = number(block, kSize);
    if (regular && pax.size >= 0) size = pax.size;
    if (type >= '1' && type <= '6') size = 0;  // links, devices, folders: no data whatever the field says
    if (size < 0) fail(name_, name, "has no readable size in its header" + at_byte(at));
    if (type == 'S') fail(name_, name, "is a sparse file, which is not read", "make the shard again without --sparse");
    const int64_t data = at + kBlock, left = size_ - data;
    if (size > left) {
      fail(name_, name,
           "says it holds " + std::to_string(size) + " bytes, but only " + std::to_string(left) +
               " follow: the file is cut short or damaged");
    }
    at = data + (size + kBlock - 1) / kBlock * kBlock;

    if (type == 'L') {
      gnu_name = long_name(data, size);
      gnu_name.resize(std::min(gnu_name.find('\0'), gnu_name.size()));
      continue;
    }
    if (type == 'x') {
      parse_pax(name_, long_name(data, size), pax);
      continue;
    }
    if (type == 'g' || type == 'K') continue;  // defaults for the archive; a link's target
    if (!regular || (!name.empty() && name.back() == '/')) {
      // The long name belonged to the folder or link passed over.
      gnu_name.clear();
      pax = {};
      member.header = at;
      continue;
    }
    if (name.empty() || name.find('\0') != std::string::npos)
      fail(name_, name, "has no usable name in its header" + at_byte(data - kBlock));
    member.name = std::move(name);
    member.data = data;
    member.size = size;
    member.next = at;
    return member;
  }
}

std::string TarFile::read(const TarMember& member, int64_t limit) const {
  if (member.size > limit) {
    fail(name_, member.name,
         "is " + std::to_string(member.size) + " bytes, more than the " + std::to_string(limit) + " allowed here",
         "check that this is the right file");
  }
  if (member.size < 0 || member.data < 0 || member.data > size_ - member.size)
    fail(name_, member.name, "lies outside the file");
  std::string bytes(static_cast<size_t>(member.size), '\0');
  read_at(member.data, bytes.data(), member.size);
  return bytes;
}

const TarMember* TarSample::find(std::string_view extension) const {
  for (const Part& part : parts) {
    if (part.extension == extension) return &part.member;
  }
  return nullptr;
}

std::optional<TarSample> sample_at(const TarFile& tar, int64_t offset) {
  TarSample sample{.offset = offset, .next = offset};
  for (;;) {
    const std::optional<TarMember> member = tar.member(sample.next);
    if (!member) break;
    const std::string& name = member->name;
    const size_t slash = name.rfind('/'), base = slash == std::string::npos ? 0 : slash + 1;
    const size_t dot = name.find('.', base);
    const bool meta = base == 0 && name.size() > 4 && name.starts_with("__") && name.ends_with("__");
    if (dot == std::string::npos || dot == base || dot + 1 == name.size() || meta) {
      sample.next = member->next;
      continue;
    }
    std::string key = name.substr(0, dot), extension = lower(name.substr(dot + 1));
    if (sample.parts.empty()) {
      sample.key = std::move(key);
    } else if (key != sample.key) {
      break;
    }
    if (sample.find(extension))
      fail(tar.name(), name, "occurs twice in one sample", "give every sample a stem of its own");
    if (sample.parts.size() == kPartLimit)
      fail(tar.name(), name, "is one of more than 256 members with one stem", "give every sample a stem of its own");
    sample.next = member->next;
    sample.parts.push_back({std::move(extension), *member});
  }
  if (sample.parts.empty()) return std::nullopt;
  return sample;
}

}  // namespace cambium::io
