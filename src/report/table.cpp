#include "report/table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "report/text.h"

namespace cambium::report {
namespace {

size_t column_index(const Table& table, const std::string& name) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == name) return i;
  }
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  const std::string close = nearest(name, names);
  throw Error({.what = "the table has no such column",
               .field = name,
               .mend = close.empty() ? "name one of its columns" : "did you mean " + close + "?"});
}

// The cell's number, or NaN.
double number_of(const Cell& cell) {
  if (const auto* real = std::get_if<double>(&cell.value)) return *real;
  if (const auto* whole = std::get_if<int64_t>(&cell.value)) return static_cast<double>(*whole);
  return std::numeric_limits<double>::quiet_NaN();
}

void mark(const std::vector<Cell*>& cells, bool higher) {
  double best = std::numeric_limits<double>::quiet_NaN();
  for (const Cell* cell : cells) {
    const double number = number_of(*cell);
    if (std::isnan(number)) continue;
    if (std::isnan(best) || (higher ? number > best : number < best)) best = number;
  }
  for (Cell* cell : cells) cell->best = number_of(*cell) == best;
}

std::string heading(const Column& column) {
  return column.unit.empty() ? column.name : column.name + " (" + column.unit + ")";
}

std::string pad(const std::string& text, int64_t width, bool right) {
  const std::string space(static_cast<size_t>(std::max<int64_t>(0, width - display_width(text))), ' ');
  return right ? space + text : text + space;
}

}  // namespace

void Table::validate() const {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() == columns.size()) continue;
    throw Error({.what = "row " + std::to_string(i) + " has " + std::to_string(rows[i].size()) + " cells for " +
                         std::to_string(columns.size()) + " columns",
                 .field = title,
                 .mend = "give each row one cell per column"});
  }
}

bool is_numeric(const Cell& cell) {
  return std::holds_alternative<double>(cell.value) || std::holds_alternative<int64_t>(cell.value);
}

std::string show(const Cell& cell, const Column& column) {
  if (const auto* text = std::get_if<std::string>(&cell.value)) return printable(*text);
  if (!is_numeric(cell)) return "";
  const double number = number_of(cell);
  switch (column.format) {
    case Format::percent:
      return format_percent(number, column.decimals);
    case Format::fixed:
      return format_fixed(number, column.decimals);
    case Format::number:
      break;
  }
  return std::holds_alternative<int64_t>(cell.value) ? format_fixed(number, 0) : format_number(number, column.decimals);
}

void mark_best(Table& table, const std::string& column, bool higher) {
  table.validate();
  const size_t index = column_index(table, column);
  std::vector<Cell*> cells;
  for (auto& row : table.rows) cells.push_back(&row[index]);
  mark(cells, higher);
}

void mark_best_in_rows(Table& table, const std::vector<std::string>& columns, bool higher) {
  table.validate();
  for (auto& row : table.rows) {
    std::vector<Cell*> cells;
    for (const std::string& column : columns) cells.push_back(&row[column_index(table, column)]);
    mark(cells, higher);
  }
}

nlohmann::ordered_json to_json(const Table& table) {
  table.validate();
  nlohmann::ordered_json json;
  if (!table.title.empty()) json["title"] = printable(table.title);
  json["columns"] = nlohmann::ordered_json::array();
  for (const Column& column : table.columns) json["columns"].push_back(printable(heading(column)));
  json["rows"] = nlohmann::ordered_json::array();
  for (const auto& row : table.rows) {
    nlohmann::ordered_json cells = nlohmann::ordered_json::array();
    for (const Cell& cell : row) {
      if (const auto* text = std::get_if<std::string>(&cell.value))
        cells.push_back(printable(*text));
      else if (const auto* whole = std::get_if<int64_t>(&cell.value))
        cells.push_back(*whole);
      else if (const auto* real = std::get_if<double>(&cell.value); real != nullptr && std::isfinite(*real))
        cells.push_back(*real);
      else
        cells.push_back(nullptr);
    }
    json["rows"].push_back(std::move(cells));
  }
  if (!table.note.empty()) json["note"] = printable(table.note);
  return json;
}

std::string to_text(const Table& table) {
  table.validate();
  const size_t count = table.columns.size();
  std::vector<std::vector<std::string>> shown;
  std::vector<int64_t> widths(count);
  std::vector<bool> right(count, true), starred(count, false);
  for (const auto& row : table.rows) {
    for (size_t c = 0; c < count; ++c) starred[c] = starred[c] || row[c].best;
  }
  for (size_t c = 0; c < count; ++c) widths[c] = display_width(printable(heading(table.columns[c])));
  for (const auto& row : table.rows) {
    auto& line = shown.emplace_back();
    for (size_t c = 0; c < count; ++c) {
      line.push_back(show(row[c], table.columns[c]) + (row[c].best ? "*" : starred[c] ? " " : ""));
      widths[c] = std::max(widths[c], display_width(line.back()));
      if (std::holds_alternative<std::string>(row[c].value)) right[c] = false;
    }
  }
  std::string out;
  const auto put = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t c = 0; c < count; ++c) line += (c == 0 ? "" : "  ") + pad(cells[c], widths[c], right[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  if (!table.title.empty()) out += printable(table.title) + "\n";
  std::vector<std::string> head, rule;
  for (size_t c = 0; c < count; ++c) {
    head.push_back(printable(heading(table.columns[c])));
    std::string dashes;
    for (int64_t i = 0; i < widths[c]; ++i) dashes += "\u2500";
    rule.push_back(dashes);
  }
  put(head);
  put(rule);
  for (const auto& line : shown) put(line);
  if (!table.note.empty()) out += printable(table.note) + "\n";
  return out;
}

}  // namespace cambium::report
