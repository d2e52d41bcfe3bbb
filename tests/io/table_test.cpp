#include "io/table.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/text.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

using Rows = std::vector<std::vector<std::string>>;

class Table : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& bytes) {
    write_file(folder_.path() / name, bytes);
    return folder_.path() / name;
  }
  Rows rows(const std::string& name, const std::string& bytes, std::vector<std::string> columns = {"a", "b"}) {
    TableReader reader(file(name, bytes), std::move(columns));
    Rows rows;
    for (TableRow row; reader.next_or_throw(row);) {
      rows.emplace_back();
      for (const auto& cell : row.cells) {
        EXPECT_EQ(cell.size(), 1u);
        rows.back().push_back(cell.at(0));
      }
    }
    return rows;
  }
  std::string complaint(const std::string& name, const std::string& bytes) {
    try {
      rows(name, bytes);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.info().file, (folder_.path() / name).string());
      EXPECT_FALSE(error.info().mend.empty());
      return error.info().field + ": " + error.info().what;
    }
  }
  test::TemporaryDirectory folder_;
};

TEST_F(Table, CsvQuotes) {
  EXPECT_EQ(rows("t.csv", "a,b\n1,2\n"), (Rows{{"1", "2"}}));
  EXPECT_EQ(rows("t.csv", "a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\r\n\r\n,\r\n"),
            (Rows{{"x, \"y\"", "two\nlines"}, {"", ""}}));
  EXPECT_EQ(rows("t.csv",
                 "\xEF\xBB\xBF"
                 "b , c,a\n1,2,\"\""),
            (Rows{{"", "1"}}));
  EXPECT_EQ(rows("t.csv", "a,b\n\"\"\"\"\"\",it\"s"), (Rows{{"\"\"", "it\"s"}}));
  EXPECT_EQ(rows("t.csv", "a,b\n\"\n\n\",x\n"), (Rows{{"\n\n", "x"}}));
  EXPECT_EQ(rows("t.csv", "a,b\n"), Rows{});
  EXPECT_EQ(rows("t.tsv", "a\tb\nx, y\t\"\t\"\n"), (Rows{{"x, y", "\t"}}));
}

TEST_F(Table, JsonLines) {
  EXPECT_EQ(rows("t.jsonl", "{\"b\": 2.5, \"a\": \"\\u00e9\"}\n\n{\"a\": true, \"b\": \"x\", \"c\": []}"),
            (Rows{{"\xC3\xA9", "2.5"}, {"true", "x"}}));
  EXPECT_EQ(complaint("t.jsonl", "{\"a\": 1, \"b\": 2}\n{\"a\": 1}\n"), "line 2: has no field 'b', only a");
  EXPECT_EQ(complaint("t.jsonl", "[1]\n"), "line 1: is not a JSON object");
  EXPECT_EQ(complaint("t.jsonl", "{\"a\": 1,\n"), "line 1: is not valid JSON");
  EXPECT_EQ(complaint("t.jsonl", "{\"a\": null, \"b\": 1}\n"), "line 1: field 'a' is not text");
  EXPECT_EQ(complaint("t.jsonl", "{\"a\": \"\xFF\", \"b\": 1}\n"), "line 1: is not UTF-8");
}

TEST_F(Table, JsonLinesListsAndSparseFields) {
  TableReader reader(
      file("t.jsonl",
           "{\"a\": [\"x\", 2], \"b\": null}\n{\"a\": [], \"b\": \"y\"}\n{\"a\": [[1]]}\n{\"a\": [null]}\n{\"b\": 1}"),
      {"a"}, {"b"});
  TableRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.cells, (std::vector<std::vector<std::string>>{{"x", "2"}, {}}));
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.cells, (std::vector<std::vector<std::string>>{{}, {"y"}}));
  for (const char* fault : {"field 'a' is not text", "field 'a' is not text", "has no field 'a', only b"}) {
    ASSERT_TRUE(reader.next(row));
    EXPECT_EQ(row.fault, fault);
  }
  EXPECT_FALSE(reader.next(row));
  EXPECT_THROW(TableReader(file("t.csv", "a\n1\n"), {"a"}, {"b"}), Error);
}

TEST_F(Table, LineNumbersCountLinesInsideQuotes) {
  TableReader reader(file("t.csv", "a,b\n\"1\n2\n3\",x\n\ny,z\n"), {"a"});
  TableRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.line, 2);
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.line, 6);
  EXPECT_FALSE(reader.next(row));
}

TEST_F(Table, FaultsNameTheLineAndReadingGoesOn) {
  TableReader reader(file("t.csv", "a,b\n1\n1,2,3\n\"x\"y,2\n\xC3\x28,2\n1,\xED\xA0\x80\n" + std::string("a\0b", 3) +
                                       ",2\nlast,row\n\"open,\n"),
                     {"a", "b"});
  std::vector<std::pair<int64_t, std::string>> faults;
  Rows good;
  for (TableRow row; reader.next(row);) {
    if (row.fault.empty()) {
      good.push_back({row.cells.at(0).at(0), row.cells.at(1).at(0)});
    } else {
      EXPECT_TRUE(row.cells.empty());
      faults.emplace_back(row.line, row.fault.substr(0, 14));
    }
  }
  EXPECT_EQ(good, (Rows{{"last", "row"}}));
  EXPECT_EQ(faults, (std::vector<std::pair<int64_t, std::string>>{{2, "has 1 cells, n"},
                                                                  {3, "has 3 cells, n"},
                                                                  {4, "text follows a"},
                                                                  {5, "is not UTF-8"},
                                                                  {6, "is not UTF-8"},
                                                                  {7, "holds a zero b"},
                                                                  {9, "a quote is ope"}}));
}

TEST_F(Table, WrongFiles) {
  EXPECT_EQ(complaint("t.csv", ""), ": is empty");
  EXPECT_EQ(complaint("t.csv", "\n\n"), ": is empty");
  EXPECT_EQ(complaint("t.csv", "A,c\n1,2\n"), "line 1: has no column 'a', only A, c");
  EXPECT_EQ(complaint("t.csv", "\"a,b\n"), "line 1: a quote is opened and never closed");
  EXPECT_EQ(complaint("t.csv",
                      "\xFF\xFE"
                      "a\0,\0"),
            ": is UTF-16");
  EXPECT_EQ(complaint("t.csv", "a,\xFF\n"), "line 1: is not UTF-8");
  EXPECT_EQ(complaint("t.csv", "a,b\n" + std::string(size_t{17} << 20, 'x')), "line 2: is longer than 16 MiB");
  EXPECT_EQ(complaint("t.csv", "a,b\n\"" + std::string(size_t{9} << 20, 'x') + "\n" +
                                   std::string(size_t{9} << 20, 'x') + "\n\n"),
            "line 2: is longer than 16 MiB: a quote was opened and not closed");
  EXPECT_THROW(TableReader(folder_.path() / "none.csv", {"a"}), Error);
  EXPECT_THROW(TableReader(folder_.path(), TableFormat::csv, {"a"}), Error);
  EXPECT_THROW(table_format("t.xlsx"), UsageError);
  EXPECT_EQ(table_format("T.CSV"), TableFormat::csv);
}

TEST(Text, InvalidUtf8IsFound) {
  EXPECT_EQ(invalid_utf8("plain \xC3\xA9 \xF0\x9F\x98\x80 \xEF\xBB\xBF"), std::string_view::npos);
  EXPECT_EQ(invalid_utf8(""), std::string_view::npos);
  EXPECT_EQ(invalid_utf8("ab\xFF"), 2u);
  EXPECT_EQ(invalid_utf8("\xC0\xAF"), 0u);          // overlong
  EXPECT_EQ(invalid_utf8("a\xED\xA0\x80"), 1u);     // a surrogate
  EXPECT_EQ(invalid_utf8("\xF4\x90\x80\x80"), 0u);  // beyond U+10FFFF
  EXPECT_EQ(invalid_utf8("ab\xE2\x82"), 2u);        // cut short
  EXPECT_EQ(invalid_utf8("\x80"), 0u);
}

TEST(Text, Trim) {
  EXPECT_EQ(trim("  a b\t\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

}  // namespace
}  // namespace cambium::io
