#include "archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "core/error.h"

namespace cambium::prepare {
namespace {

using Reader = std::unique_ptr<::archive, int (*)(::archive*)>;

[[noreturn]] void fail(::archive* reader, const std::string& source) {
  const char* why = archive_error_string(reader);
  throw Error({.what = why ? why : "cannot read", .file = source, .mend = "delete it and run scripts/data again"});
}

Reader make_reader() {
  Reader reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_ar(reader.get());
  return reader;
}

void read_members(::archive* reader, const std::string& source, const Wanted& wanted, const Member& member) {
  archive_entry* entry = nullptr;
  int status = ARCHIVE_OK;
  while ((status = archive_read_next_header(reader, &entry)) == ARCHIVE_OK) {
    std::string name = archive_entry_pathname(entry);
    if (name.rfind("./", 0) == 0) name.erase(0, 2);
    // ar has no file types.
    if ((archive_entry_filetype(entry) != AE_IFREG && archive_format(reader) != ARCHIVE_FORMAT_AR_GNU &&
         archive_format(reader) != ARCHIVE_FORMAT_AR_BSD) ||
        !wanted(name)) {
      continue;
    }
    std::string bytes(static_cast<size_t>(archive_entry_size(entry)), '\0');
    if (archive_read_data(reader, bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
      fail(reader, source);
    member(name, std::move(bytes));
  }
  if (status != ARCHIVE_EOF) fail(reader, source);
}

void read_file_members(const std::filesystem::path& archive, const Wanted& wanted, const Member& member) {
  const Reader reader = make_reader();
  if (archive_read_open_filename(reader.get(), archive.c_str(), 1 << 16) != ARCHIVE_OK)
    fail(reader.get(), archive.string());
  read_members(reader.get(), archive.string(), wanted, member);
}

}  // namespace

void read_package(const std::filesystem::path& archive, const Member& member) {
  read_file_members(
      archive, [](const std::string&) { return true; },
      [&](const std::string& name, std::string bytes) {
        member(name.rfind("package/", 0) == 0 ? name.substr(8) : name, std::move(bytes));
      });
}

void read_archive(const std::filesystem::path& archive, const Wanted& wanted, const Member& member) {
  if (archive.extension() != ".deb") return read_file_members(archive, wanted, member);
  bool found = false;
  read_file_members(
      archive, [](const std::string& name) { return name.rfind("data.tar", 0) == 0; },
      [&](const std::string&, const std::string& data) {
        found = true;
        read_archive(data, archive.string(), wanted, member);
      });
  if (!found)
    throw Error(
        {.what = "is no Debian package", .file = archive.string(), .mend = "delete it and run scripts/data again"});
}

void read_archive(std::string_view bytes, const std::string& source, const Wanted& wanted, const Member& member) {
  const Reader reader = make_reader();
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) fail(reader.get(), source);
  read_members(reader.get(), source, wanted, member);
}

std::filesystem::path find_package(const std::filesystem::path& downloads, const std::string& prefix,
                                   const std::string& ending) {
  for (const auto& entry : std::filesystem::directory_iterator(downloads)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(ending)) return entry.path();
  }
  throw Error({.what = "no " + prefix + "*" + ending, .file = downloads.string(), .mend = "run scripts/data"});
}

}  // namespace cambium::prepare
