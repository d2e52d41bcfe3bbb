#include "archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "core/error.h"

namespace cambium::prepare {

void read_package(const std::filesystem::path& archive,
                  const std::function<void(const std::string&, std::string)>& member) {
  const std::unique_ptr<::archive, int (*)(::archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  const auto fail = [&] {
    throw Error({.what = archive_error_string(reader.get()) ? archive_error_string(reader.get()) : "cannot read",
                 .file = archive.string(),
                 .mend = "delete it and run scripts/data again"});
  };
  if (archive_read_open_filename(reader.get(), archive.c_str(), 1 << 16) != ARCHIVE_OK) fail();
  archive_entry* entry = nullptr;
  int status = ARCHIVE_OK;
  while ((status = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    std::string name = archive_entry_pathname(entry);
    if (name.rfind("package/", 0) == 0) name.erase(0, 8);
    std::string bytes(static_cast<size_t>(archive_entry_size(entry)), '\0');
    if (archive_read_data(reader.get(), bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size())) fail();
    member(name, std::move(bytes));
  }
  if (status != ARCHIVE_EOF) fail();
}

}  // namespace cambium::prepare
