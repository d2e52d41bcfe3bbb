#pragma once
// Tables of text: CSV and TSV (RFC 4180: quotes, doubled quotes, line breaks inside quotes; a header row) and JSON
// Lines (one object a line). UTF-8, with or without a byte order mark.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace cambium::io {

enum class TableFormat { csv, tsv, jsonl };

// By the ending: .csv, .tsv or .tab, .jsonl or .ndjson; UsageError for another.
TableFormat table_format(const std::filesystem::path& path);

struct TableRow {
  int64_t line = 0;  // where the row begins, from 1
  // The wanted columns' texts in the order asked for: one each, but a list in JSON Lines has as many as it holds.
  std::vector<std::vector<std::string>> cells;
  std::string fault;  // why the row cannot be used ("has 2 cells, not 3"), or ""
};

// Reads wanted columns row by row; blank lines are passed over.
class TableReader {
 public:
  // Wanted are `columns`, then `sparse` ones, which a JSON Lines object may lack or hold as null. Error where the file
  // cannot be read, is UTF-16, or has no header with all of them, naming the columns it has.
  TableReader(std::filesystem::path path, std::vector<std::string> columns,
              const std::vector<std::string>& sparse = {});
  TableReader(std::filesystem::path path, TableFormat format, std::vector<std::string> columns,
              const std::vector<std::string>& sparse = {});

  // False at the end. A row that breaks the rules comes with a fault and empty cells, and reading goes on behind it, so
  // that a caller may list all faults at once.
  bool next(TableRow& row);
  // The same, but a fault is an Error naming file and line.
  bool next_or_throw(TableRow& row);

  const std::string& name() const { return name_; }

 private:
  bool record(TableRow& row, std::vector<std::string>& cells);
  void object(TableRow& row);
  bool line(std::string& text);
  void read_header();

  std::string name_;
  TableFormat format_;
  std::vector<std::string> columns_;
  size_t required_ = 0;         // of the columns: those before the sparse ones
  std::vector<size_t> places_;  // of the wanted columns in the file
  size_t width_ = 0;            // cells a row
  std::ifstream stream_;
  int64_t line_ = 0;  // lines read so far
};

}  // namespace cambium::io
