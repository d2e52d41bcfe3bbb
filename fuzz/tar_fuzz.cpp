#include <cstdio>
#include <cstdlib>

#include "core/error.h"
#include "io/tar.h"

namespace {

// Walks a shard's samples and reads every member. Any exception but Error is a crash, and so is a position that does
// not move on, or a member outside the file.
void walk(std::string bytes) {
  using namespace cambium;
  try {
    const io::TarFile tar(std::move(bytes), "input");
    for (int64_t at = 0;;) {
      const auto sample = io::sample_at(tar, at);
      if (!sample) break;
      if (sample->next <= at || sample->parts.empty()) std::abort();
      for (const auto& part : sample->parts) {
        const io::TarMember& member = part.member;
        if (member.header < at || member.data <= member.header || member.data + member.size > tar.size()) std::abort();
        if (static_cast<int64_t>(tar.read(member).size()) != member.size) std::abort();
      }
      at = sample->next;
    }
  } catch (const Error&) {
  }
}

// Makes every block a header that passes its checksum: mutations get beyond it.
void sign(std::string& bytes) {
  for (size_t block = 0; block + 512 <= bytes.size(); block += 512) {
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < 512; ++i) {
      if (i < 148 || i >= 156) sum += static_cast<unsigned char>(bytes[block + i]);
    }
    if (sum == 8 * ' ') continue;  // the end-of-archive blocks
    std::snprintf(bytes.data() + block + 148, 8, "%06o", sum);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string shard(reinterpret_cast<const char*>(bytes), size);
  walk(shard);
  sign(shard);
  walk(std::move(shard));
  return 0;
}
