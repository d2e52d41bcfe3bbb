#include "io/zip_archive.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "core/error.h"
#include "io/byte_reader.h"

namespace cambium::io {
namespace {

constexpr std::string_view kEndSignature("PK\5\6", 4), kEnd64Signature("PK\6\6", 4), kLocator64Signature("PK\6\7", 4);
constexpr std::string_view kDirectorySignature("PK\1\2", 4), kLocalSignature("PK\3\4", 4);
constexpr size_t kEndSize = 22, kLocator64Size = 20, kLongestComment = 65535;
constexpr uint32_t kIn64 = 0xffffffff;

}  // namespace

void ZipArchive::fail(std::string what, std::string field) const {
  throw Error(
      {.what = std::move(what), .file = source_, .field = std::move(field), .mend = "download or copy the file again"});
}

ZipArchive::ZipArchive(SharedBytes bytes, const std::string& source) : bytes_(std::move(bytes)), source_(source) {
  read_directory();
  index_.reserve(members_.size());
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!index_.emplace(members_[i].name, i).second) fail("appears twice in the archive", members_[i].name);
  }
  check_overlaps();
}

const ZipArchive::Member* ZipArchive::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &members_[found->second];
}

void ZipArchive::read_directory() {
  const std::string_view all = bytes_.view();
  const size_t first = all.size() > kEndSize + kLongestComment ? all.size() - kEndSize - kLongestComment : 0;
  const size_t end = all.rfind(kEndSignature);
  if (end == std::string_view::npos || end < first || all.size() - end < kEndSize) {
    fail("is truncated: a zip archive ends with its directory, and there is none");
  }
  ByteReader tail(all, source_, end + 10);
  uint64_t count = tail.number<uint16_t>();
  uint64_t size = tail.number<uint32_t>(), offset = tail.number<uint32_t>();
  if (end >= kLocator64Size && all.substr(end - kLocator64Size, 4) == kLocator64Signature) {
    ByteReader locator(all, source_, end - kLocator64Size + 8);
    const auto end64 = locator.number<uint64_t>();
    if (end64 > all.size() || all.substr(end64, 4) != kEnd64Signature)
      fail("is truncated: its zip64 directory is not where it should be");
    ByteReader tail64(all, source_, end64 + 32);
    count = tail64.number<uint64_t>();
    size = tail64.number<uint64_t>();
    offset = tail64.number<uint64_t>();
  }
  if (offset > all.size() || size > all.size() - offset) fail("is truncated: its zip directory lies outside the file");
  ByteReader directory(all.substr(0, offset + size), source_, offset);
  // Each entry takes at least 46 bytes, so a false count ends at the directory's end.
  for (uint64_t i = 0; i < count; ++i) read_member(directory);
}

void ZipArchive::read_member(ByteReader& directory) {
  if (directory.take(4) != kDirectorySignature) fail("has a damaged zip directory");
  directory.take(4);
  const auto flags = directory.number<uint16_t>();
  const auto method = directory.number<uint16_t>();
  directory.take(8);
  Member member;
  member.stored = directory.number<uint32_t>();
  member.size = directory.number<uint32_t>();
  const auto name_size = directory.number<uint16_t>(), extra_size = directory.number<uint16_t>(),
             comment_size = directory.number<uint16_t>();
  directory.take(8);
  uint64_t header = directory.number<uint32_t>();
  member.name = directory.take(name_size);
  ByteReader extra(directory.take(extra_size), source_);
  directory.take(comment_size);
  while (extra.remaining() >= 4) {
    const auto id = extra.number<uint16_t>();
    ByteReader field(extra.take(extra.number<uint16_t>()), source_);
    if (id != 1) continue;
    if (member.size == kIn64) member.size = field.number<uint64_t>();
    if (member.stored == kIn64) member.stored = field.number<uint64_t>();
    if (header == kIn64) header = field.number<uint64_t>();
  }
  if (flags & 1) fail("is encrypted", member.name);
  if (method != 0 && method != Z_DEFLATED)
    fail("is compressed by zip's method " + std::to_string(method) + ", which is not read", member.name);
  member.deflated = method == Z_DEFLATED;
  if (!member.deflated && member.stored != member.size) fail("has two sizes", member.name);

  const std::string_view all = bytes_.view();
  if (header > all.size()) fail("is truncated: it lies outside the file", member.name);
  ByteReader local(all, source_, header);
  if (local.take(4) != kLocalSignature) fail("has no header where the archive's directory says", member.name);
  local.take(22);
  const auto local_name = local.number<uint16_t>(), local_extra = local.number<uint16_t>();
  local.take(uint64_t{local_name} + local_extra);
  member.offset = local.position();
  if (member.stored > local.remaining()) fail("is truncated: it ends outside the file", member.name);
  members_.push_back(std::move(member));
}

void ZipArchive::check_overlaps() const {
  std::vector<const Member*> order;
  for (const Member& member : members_) order.push_back(&member);
  std::sort(order.begin(), order.end(), [](const Member* a, const Member* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->offset + order[i - 1]->stored > order[i]->offset)
      fail("overlaps the bytes of " + order[i - 1]->name, order[i]->name);
  }
}

SharedBytes ZipArchive::read(const Member& member) const {
  if (!member.deflated) {
    return {.owner = bytes_.owner, .data = bytes_.data + member.offset, .size = static_cast<size_t>(member.size)};
  }
  // Deflate cannot shrink by more than a factor of 1032 (zlib's documentation), so a small file cannot ask for much.
  if (member.size / 1040 > member.stored || member.size > std::numeric_limits<uInt>::max() ||
      member.stored > std::numeric_limits<uInt>::max()) {
    fail("has a size that compression does not reach", member.name);
  }
  SharedBytes content = allocate_bytes(member.size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(bytes_.data + member.offset);
  stream.avail_in = static_cast<uInt>(member.stored);
  stream.next_out = reinterpret_cast<Bytef*>(content.data);
  stream.avail_out = static_cast<uInt>(member.size);
  const int result = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (result != Z_STREAM_END || stream.total_out != member.size)
    fail("is damaged: it does not unpack to its size", member.name);
  return content;
}

}  // namespace cambium::io
