#pragma once
// One static HTML page: inline charts, pictures as data URIs, no script, no network. Narrow and wide screens, light and
// dark, print. Whatever is given as text is escaped; `svg` arguments must come from report/svg.h or report/poincare.h.
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "report/results.h"
#include "report/table.h"

namespace cambium::report {

struct PageOptions {
  std::string title;
  std::string subtitle = {};  // one or two sentences under the title
  std::string footer = {};    // how it was made: version, machine, command
};

struct Picture {
  std::string bytes;         // PNG, JPEG, WebP or GIF
  std::string alt;           // what it shows
  std::string caption = {};  // under it; empty for none
  double aspect = 1;         // width over height
};

struct Fact {
  std::string label;
  std::string value;      // "0.43", "12 min"
  std::string note = {};  // small print: "chance 0.01"
};

struct Figure {
  std::string svg;
  std::string caption = {};
};

// One picture's path to the root, as seen by each model: steps of words from the most specific to the root.
struct Traversal {
  Picture picture;
  std::vector<std::vector<std::string>>
      steps;  // [model][step]; "[root]" is left out, since every path is shown to end there
};

class Page {
 public:
  explicit Page(PageOptions options);

  // Every section gets a line in the table of contents.
  void section(const std::string& title);
  void subsection(const std::string& title);
  // In paragraphs and notes, **strong**, *emphasis*, `code` and [text](https://...) are understood; all else is plain.
  void paragraph(const std::string& text);
  void note(const std::string& text);
  void bullets(const std::vector<std::string>& items);
  void code(const std::string& text);

  void facts(const std::vector<Fact>& facts);
  void table(const Table& table);
  // Each claim with a mark (by word and colour) for whether it holds.
  void claims(const std::vector<Claim>& claims);
  void figure(const Figure& figure);
  // Side by side where there is room.
  void figures(const std::vector<Figure>& figures);
  void gallery(const std::vector<Picture>& pictures, const std::string& caption = {}, int64_t size = 96);
  // A row per picture, a column per model.
  void traversals(const std::vector<std::string>& models, const std::vector<Traversal>& traversals,
                  const std::string& caption = {});

  std::string str() const;
  // Whole or not at all.
  void write(const std::filesystem::path& path) const;

 private:
  PageOptions options_;
  std::string body_;
  std::vector<std::pair<std::string, std::string>> contents_;  // anchor, title
  bool in_section_ = false;
};

}  // namespace cambium::report
