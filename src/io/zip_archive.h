#pragma once
// The zip container of torch.save, read in place: members are found by the central directory, so that a stored member's
// bytes can be used where they lie in a mapped file (an archive library would hand out copies, in order).
// Format: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3 (zip64).
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/shared_bytes.h"

namespace cambium::io {

class ZipArchive {
 public:
  struct Member {
    std::string name;
    uint64_t offset = 0;  // of the data in the file
    uint64_t stored = 0;  // bytes there
    uint64_t size = 0;    // bytes of the content
    bool deflated = false;
  };

  // Errors name the source: truncated, a member outside the file, two members on the same bytes or of one name,
  // encrypted, compressed by another method than deflate.
  ZipArchive(SharedBytes bytes, const std::string& source);

  const std::vector<Member>& members() const { return members_; }
  const Member* find(std::string_view name) const;
  // The content: for a stored member the file's own bytes, for a deflated one a copy.
  SharedBytes read(const Member& member) const;

 private:
  void read_directory();
  void read_member(class ByteReader& directory);
  void check_overlaps() const;
  [[noreturn]] void fail(std::string what, std::string field = {}) const;

  SharedBytes bytes_;
  std::string source_;
  std::vector<Member> members_;
  std::unordered_map<std::string_view, size_t> index_;
};

}  // namespace cambium::io
