#pragma once
// SHA-256 (OpenSSL's), for downloads, fingerprints and caches.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace cambium {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(const void* bytes, size_t count);
  void update(std::string_view text) { update(text.data(), text.size()); }
  std::string hex();  // 64 lower-case digits; ends the sum

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace cambium
