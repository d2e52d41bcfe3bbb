#include "data/faults.h"

#include "core/error.h"
#include "core/log.h"

namespace cambium::data {

Faults::Faults(std::string file, std::string mend, bool skip, int64_t shown)
    : file_(std::move(file)), mend_(std::move(mend)), skip_(skip), shown_(shown) {}

void Faults::add(const std::string& place, const std::string& what) {
  if (++count_ > shown_) return;
  list_ += (list_.empty() ? "" : ", ") + place + (place.empty() ? "" : ": ") + what;
}

void Faults::report() const {
  if (count_ == 0) return;
  std::string list = list_;
  if (count_ > shown_) list += ", and " + std::to_string(count_ - shown_) + " more";
  if (skip_) {
    log::warn(file_ + ": " + std::to_string(count_) + " skipped: " + list);
    return;
  }
  const std::string what = count_ == 1 ? list : std::to_string(count_) + " faults: " + list;
  throw Error({.what = what, .file = file_, .mend = mend_});
}

}  // namespace cambium::data
