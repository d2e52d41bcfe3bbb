#include "io/table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/text.h"

namespace cambium::io {
namespace {

constexpr size_t kRecordLimit = size_t{16} << 20;
constexpr size_t kLineLimit = kRecordLimit;

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.size() > 300 ? out.substr(0, 300) + " ..." : out;
}

// A number or truth value becomes its text, a list its members'.
bool texts_of(const nlohmann::json& value, std::vector<std::string>& texts) {
  if (value.is_string()) {
    texts.push_back(value.get<std::string>());
  } else if (value.is_number() || value.is_boolean()) {
    texts.push_back(value.dump());
  } else if (value.is_array()) {
    return std::all_of(value.begin(), value.end(),
                       [&](const auto& member) { return !member.is_array() && texts_of(member, texts); });
  } else {
    return false;
  }
  return true;
}

}  // namespace

TableFormat table_format(const std::filesystem::path& path) {
  const std::string ending = lower(path.extension().string());
  if (ending == ".csv") return TableFormat::csv;
  if (ending == ".tsv" || ending == ".tab") return TableFormat::tsv;
  if (ending == ".jsonl" || ending == ".ndjson") return TableFormat::jsonl;
  throw UsageError(
      {.what = "is not known to be a table", .file = path.string(), .mend = "name it .csv, .tsv or .jsonl"});
}

TableReader::TableReader(std::filesystem::path path, std::vector<std::string> columns,
                         const std::vector<std::string>& sparse)
    : TableReader(path, table_format(path), std::move(columns), sparse) {}

TableReader::TableReader(std::filesystem::path path, TableFormat format, std::vector<std::string> columns,
                         const std::vector<std::string>& sparse)
    : name_(path.string()), format_(format), columns_(std::move(columns)), required_(columns_.size()) {
  columns_.insert(columns_.end(), sparse.begin(), sparse.end());
  if (std::filesystem::is_directory(path))
    throw Error({.what = "is a folder, not a table", .file = name_, .mend = "give a .csv, .tsv or .jsonl file"});
  stream_.open(path, std::ios::binary);
  if (!stream_)
    throw Error({.what = std::string("cannot open: ") + std::strerror(errno), .file = name_, .mend = "check the path"});
  char mark[3] = {};
  stream_.read(mark, sizeof mark);
  const std::string_view head(mark, static_cast<size_t>(stream_.gcount()));
  stream_.clear();
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
    throw Error({.what = "is UTF-16", .file = name_, .mend = "save it as UTF-8"});
  }
  stream_.seekg(head == "\xEF\xBB\xBF" ? 3 : 0);
  if (format_ != TableFormat::jsonl) read_header();
}

// One physical line without its end (\n, or \r\n); false at the end of the file.
bool TableReader::line(std::string& text) {
  text.clear();
  std::streambuf& buffer = *stream_.rdbuf();
  int c = buffer.sbumpc();
  if (c == EOF) return false;
  ++line_;
  for (; c != EOF && c != '\n'; c = buffer.sbumpc()) {
    if (text.size() == kLineLimit) {
      throw Error({.what = "is longer than 16 MiB",
                   .file = name_,
                   .field = "line " + std::to_string(line_),
                   .mend = "check that this is a table"});
    }
    text.push_back(static_cast<char>(c));
  }
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return true;
}

// One record of CSV or TSV, blank lines passed over; false at the end.
bool TableReader::record(TableRow& row, std::vector<std::string>& cells) {
  const char separator = format_ == TableFormat::csv ? ',' : '\t';
  std::string text;
  do {
    if (!line(text)) return false;
  } while (trim(text).empty());
  row.line = line_;
  row.fault.clear();
  cells.clear();

  size_t total = 0;
  for (size_t at = 0;;) {
    std::string cell;
    if (at < text.size() && text[at] == '"') {
      for (++at;;) {
        const size_t quote = text.find('"', at);
        cell.append(text, at, quote == std::string::npos ? quote : quote - at);
        if (quote == std::string::npos) {
          // A line break inside quotes belongs to the cell.
          if (!line(text)) {
            row.fault = "a quote is opened and never closed";
            return true;
          }
          if (total + cell.size() > kRecordLimit) {
            throw Error({.what = "is longer than 16 MiB: a quote was opened and not closed",
                         .file = name_,
                         .field = "line " + std::to_string(row.line),
                         .mend = "close it, or double the quotes inside the text"});
          }
          cell += '\n';
          at = 0;
        } else if (quote + 1 < text.size() && text[quote + 1] == '"') {
          cell += '"';
          at = quote + 2;
        } else {
          at = quote + 1;
          break;
        }
      }
      if (at < text.size() && text[at] != separator) {
        row.fault = "text follows a closing quote; double the quotes inside the text";
        return true;
      }
    } else {
      const size_t end = std::min(text.find(separator, at), text.size());
      cell = text.substr(at, end - at);
      at = end;
    }
    total += cell.size();
    cells.push_back(std::move(cell));
    if (at >= text.size()) return true;
    ++at;  // the separator
    if (at == text.size()) {
      cells.emplace_back();
      return true;
    }
  }
}

void TableReader::read_header() {
  TableRow row;
  std::vector<std::string> names;
  if (!record(row, names))
    throw Error({.what = "is empty", .file = name_, .mend = "give it a header row with " + join(columns_)});
  const std::string at = "line " + std::to_string(row.line);
  if (!row.fault.empty())
    throw Error({.what = row.fault, .file = name_, .field = at, .mend = "correct the header row"});
  for (std::string& name : names) {
    if (invalid_utf8(name) != std::string::npos)
      throw Error({.what = "is not UTF-8", .file = name_, .field = at, .mend = "save it as UTF-8"});
    name = trim(name);
  }
  for (const std::string& column : columns_) {
    const auto found = std::find(names.begin(), names.end(), column);
    if (found == names.end()) {
      const std::string close = nearest(column, names);
      throw Error({.what = "has no column '" + column + "', only " + join(names),
                   .file = name_,
                   .field = at,
                   .mend = close.empty() ? "name the column, or give the table a header row"
                                         : "did you mean '" + close + "'?"});
    }
    places_.push_back(static_cast<size_t>(found - names.begin()));
  }
  width_ = names.size();
}

void TableReader::object(TableRow& row) {
  row.fault.clear();
  std::string text;
  do {
    if (!line(text)) {
      row.line = 0;
      return;
    }
  } while (trim(text).empty());
  row.line = line_;
  if (invalid_utf8(text) != std::string::npos) {
    row.fault = "is not UTF-8";
    return;
  }
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    row.fault = json.is_discarded() ? "is not valid JSON" : "is not a JSON object";
    return;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string& column = columns_[i];
    const auto value = json.find(column);
    row.cells.emplace_back();
    if (i >= required_ && (value == json.end() || value->is_null())) continue;
    if (value == json.end()) {
      std::vector<std::string> keys;
      for (const auto& entry : json.items()) keys.push_back(entry.key());
      row.fault = "has no field '" + column + "', only " + join(keys);
      return;
    }
    if (!texts_of(*value, row.cells.back())) {
      row.fault = "field '" + column + "' is not text";
      return;
    }
  }
}

bool TableReader::next(TableRow& row) {
  row.cells.clear();
  if (format_ == TableFormat::jsonl) {
    object(row);
    if (row.line == 0) return false;
  } else {
    std::vector<std::string> cells;
    if (!record(row, cells)) return false;
    if (row.fault.empty() && cells.size() != width_) {
      row.fault = "has " + std::to_string(cells.size()) + " cells, not " + std::to_string(width_);
    }
    if (row.fault.empty()) {
      for (const size_t place : places_) {
        row.cells.push_back({cells[place]});
        if (invalid_utf8(cells[place]) != std::string::npos) row.fault = "is not UTF-8";
      }
    }
  }
  for (const auto& cell : row.cells) {
    const bool zero = std::any_of(cell.begin(), cell.end(),
                                  [](const std::string& text) { return text.find('\0') != std::string::npos; });
    if (row.fault.empty() && zero) row.fault = "holds a zero byte";
  }
  if (!row.fault.empty()) row.cells.clear();
  return true;
}

bool TableReader::next_or_throw(TableRow& row) {
  if (!next(row)) return false;
  if (!row.fault.empty()) {
    throw Error({.what = row.fault,
                 .file = name_,
                 .field = "line " + std::to_string(row.line),
                 .mend = row.fault.ends_with("UTF-8") ? "save the table as UTF-8" : "correct or remove this row"});
  }
  return true;
}

}  // namespace cambium::io
