#pragma once
// Tar files as webdataset shards: regular files read at their byte offsets, grouped into samples by their stem.
//
// A reader of our own rather than libarchive's: a saved position is a byte offset at which reading goes on, samples are
// fetched out of order from several threads, and every fault names shard and member. Reads ustar, GNU long names and
// sizes, and pax paths and sizes (what Python's tarfile, GNU tar, bsdtar and webdataset write). Links, folders and
// devices are passed over; compressed and sparse archives are refused by name.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/atomic_file.h"

namespace cambium::io {

struct TarMember {
  std::string name = {};  // bytes as stored, usually UTF-8
  int64_t header = 0;     // offset of its first header block, its long name's included
  int64_t data = 0;       // offset of its bytes
  int64_t size = 0;       // in bytes; lies inside the file
  int64_t next = 0;       // offset of the header behind it
};

// Immutable: any thread may call any function.
class TarFile {
 public:
  // Error where the file is missing, empty, compressed or not a regular file.
  explicit TarFile(std::filesystem::path path);
  // From memory; `name` stands for the path in errors.
  TarFile(std::string bytes, std::string name);
  ~TarFile();
  TarFile(const TarFile&) = delete;
  TarFile& operator=(const TarFile&) = delete;

  // The first regular file whose header is at `offset` or behind; nothing at the end of the archive.
  // Error for a wrong checksum, a size beyond the file, a bad long name, or an archive cut short.
  std::optional<TarMember> member(int64_t offset) const;
  // Its bytes; Error where they are more than `limit` or cannot be read.
  std::string read(const TarMember& member, int64_t limit = int64_t{1} << 30) const;

  const std::string& name() const { return name_; }
  int64_t size() const { return size_; }

 private:
  void read_at(int64_t offset, char* to, int64_t count) const;
  void refuse_other_containers() const;
  std::string long_name(int64_t offset, int64_t size) const;

  std::string name_;
  std::string bytes_;
  int descriptor_ = -1;  // -1: from memory
  int64_t size_ = 0;
};

// Consecutive members with the same stem: "a/0001.jpg" and "a/0001.json" are the sample "a/0001". The extension is what
// follows the first dot of the file name, in lower case ("seg.png" of "0001.seg.png"), as webdataset has it.
struct TarSample {
  struct Part {
    std::string extension;
    TarMember member;
  };
  std::string key = {};
  std::vector<Part> parts = {};
  int64_t offset = 0;  // where sample_at() found it
  int64_t next = 0;    // where the next one begins

  const TarMember* find(std::string_view extension) const;
};

// The first sample at `offset` or behind; nothing at the end. Files without stem or extension (".x", "README") and
// webdataset's "__meta__" files are passed over. Error where a sample has two members of one extension.
std::optional<TarSample> sample_at(const TarFile& tar, int64_t offset);

// Writes ustar (pax where a name needs it), always the same bytes for the same members. Appears whole at commit().
class TarWriter {
 public:
  explicit TarWriter(std::filesystem::path path);
  // Error for an empty name.
  void add(const std::string& name, std::string_view bytes);
  void commit();

 private:
  void header(const std::string& name, int64_t size, char type);
  void padded(std::string_view bytes);

  std::string path_;
  AtomicFile file_;
};

}  // namespace cambium::io
