#include "core/error.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace cambium {
namespace {

std::string compose(const ErrorInfo& info) {
  std::string sentence;
  if (!info.file.empty()) sentence += info.file + ": ";
  if (!info.field.empty()) sentence += info.field + ": ";
  sentence += info.what;
  if (!info.mend.empty()) sentence += "; " + info.mend;
  return sentence;
}

}  // namespace

Error::Error(ErrorInfo info) : info_(std::move(info)), sentence_(compose(info_)) {}

int edit_distance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row[b.size()];
}

}  // namespace cambium
