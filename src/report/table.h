#pragma once
// A table, written once and shown three ways: in the report's page, in results.json, and as text in a terminal.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cambium::report {

// How the numbers of a column are shown; results.json always holds them in full.
enum class Format { number, percent, fixed };

struct Column {
  std::string name;
  Format format = Format::number;
  int decimals = 3;       // percent: 1 is usual; number: at most this many significant digits
  std::string unit = {};  // shown behind the name: "s", "MB"

  Column(const char* name) : name(name) {}
  Column(std::string name) : name(std::move(name)) {}
  Column(std::string name, Format format, int decimals = 1, std::string unit = {})
      : name(std::move(name)), format(format), decimals(decimals), unit(std::move(unit)) {}
};

// Empty, text, a whole number, or a real one. `best` sets it apart (bold, and an asterisk in a terminal).
struct Cell {
  std::variant<std::monostate, std::string, int64_t, double> value;
  bool best = false;

  Cell() = default;
  Cell(const char* text) : value(std::string(text)) {}
  Cell(std::string text) : value(std::move(text)) {}
  Cell(double number, bool best = false) : value(number), best(best) {}
  Cell(int64_t number, bool best = false) : value(number), best(best) {}
  Cell(int number, bool best = false) : value(int64_t{number}), best(best) {}
};

struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows = {};  // each as long as columns
  std::string note = {};                     // one sentence under it

  // Error unless every row has as many cells as there are columns.
  void validate() const;
};

// As shown to people, without mark-up.
std::string show(const Cell& cell, const Column& column);
bool is_numeric(const Cell& cell);

// Marks as best, in each column named, the largest number (or smallest) among the rows; ties are all marked.
void mark_best(Table& table, const std::string& column, bool higher = true);
// The same across columns: in each row, the best of the columns named.
void mark_best_in_rows(Table& table, const std::vector<std::string>& columns, bool higher = true);

// {"columns": [...], "rows": [[...]], "note": "..."}
nlohmann::ordered_json to_json(const Table& table);
// Aligned text with a rule under the header, for a terminal; ends with a newline.
std::string to_text(const Table& table);

}  // namespace cambium::report
