#include "report/html.h"

#include <cmath>

#include "core/atomic_file.h"
#include "core/error.h"
#include "report/page_style.h"
#include "report/text.h"

namespace cambium::report {
namespace {

// Finds `mark` from `at` on; npos if there is none or nothing would be between.
size_t closing(const std::string& text, std::string_view mark, size_t at) {
  const size_t found = text.find(mark, at);
  return found == at ? std::string::npos : found;
}

// **strong**, *emphasis*, `code` and [text](https://...), on text that is already escaped.
std::string inline_markup(const std::string& escaped) {
  std::string out;
  for (size_t at = 0; at < escaped.size();) {
    const auto wrap = [&](std::string_view mark, const char* tag) {
      if (escaped.compare(at, mark.size(), mark) != 0) return false;
      const size_t end = closing(escaped, mark, at + mark.size());
      if (end == std::string::npos) return false;
      const std::string inside = escaped.substr(at + mark.size(), end - at - mark.size());
      if (inside.front() == ' ' || inside.back() == ' ') return false;
      out += std::string("<") + tag + ">" + (mark == "`" ? inside : inline_markup(inside)) + "</" + tag + ">";
      at = end + mark.size();
      return true;
    };
    if (wrap("`", "code") || wrap("**", "strong") || wrap("*", "em")) continue;
    if (escaped[at] == '[') {
      const size_t middle = escaped.find("](https://", at);
      const size_t end = middle == std::string::npos ? middle : escaped.find(')', middle);
      if (end != std::string::npos && escaped.find(']', at) == middle) {
        out += "<a href=\"" + escaped.substr(middle + 2, end - middle - 2) + "\">" +
               escaped.substr(at + 1, middle - at - 1) + "</a>";
        at = end + 1;
        continue;
      }
    }
    out += escaped[at++];
  }
  return out;
}

std::string rich(const std::string& text) { return inline_markup(escape(text)); }

std::string image(const Picture& picture, int64_t size) {
  return "<img src=\"" + picture_uri(picture.bytes) + "\" alt=\"" + escape(picture.alt) + "\" width=\"" +
         std::to_string(size) + "\" height=\"" +
         std::to_string(std::llround(static_cast<double>(size) / picture.aspect)) + "\">";
}

std::string caption_of(const std::string& caption) {
  return caption.empty() ? "" : "<figcaption>" + rich(caption) + "</figcaption>";
}

// Wide tables scroll inside their own box; it can be reached by keyboard, so it has a name.
std::string scroll_box(const std::string& name, const std::string& inside) {
  return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" + escape(name) + "\">" + inside +
         "</div>";
}

}  // namespace

Page::Page(PageOptions options) : options_(std::move(options)) {}

void Page::section(const std::string& title) {
  if (in_section_) body_ += "</section>\n";
  const std::string anchor = "s" + std::to_string(contents_.size() + 1);
  body_ += "<section id=\"" + anchor + "\"><h2>" + escape(title) + "</h2>\n";
  contents_.emplace_back(anchor, title);
  in_section_ = true;
}

void Page::subsection(const std::string& title) { body_ += "<h3>" + escape(title) + "</h3>\n"; }
void Page::paragraph(const std::string& text) { body_ += "<p>" + rich(text) + "</p>\n"; }
void Page::note(const std::string& text) { body_ += "<p class=\"note\">" + rich(text) + "</p>\n"; }

void Page::bullets(const std::vector<std::string>& items) {
  body_ += "<ul>";
  for (const auto& item : items) body_ += "<li>" + rich(item) + "</li>";
  body_ += "</ul>\n";
}

void Page::code(const std::string& text) { body_ += "<pre tabindex=\"0\"><code>" + escape(text) + "</code></pre>\n"; }

void Page::facts(const std::vector<Fact>& facts) {
  body_ += "<dl class=\"facts\">";
  for (const Fact& fact : facts) {
    body_ += "<div><dt>" + escape(fact.label) + "</dt><dd>" + escape(fact.value);
    if (!fact.note.empty()) body_ += "<small>" + escape(fact.note) + "</small>";
    body_ += "</dd></div>";
  }
  body_ += "</dl>\n";
}

void Page::table(const Table& table) {
  table.validate();
  std::vector<bool> numeric(table.columns.size(), true);
  for (const auto& row : table.rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      if (std::holds_alternative<std::string>(row[c].value)) numeric[c] = false;
    }
  }
  std::string html = "<table>";
  if (!table.title.empty()) html += "<caption>" + rich(table.title) + "</caption>";
  html += "<thead><tr>";
  for (size_t c = 0; c < table.columns.size(); ++c) {
    html += std::string("<th scope=\"col\"") + (numeric[c] ? " class=\"n\">" : ">") + escape(table.columns[c].name);
    if (!table.columns[c].unit.empty()) html += " <span class=\"unit\">" + escape(table.columns[c].unit) + "</span>";
    html += "</th>";
  }
  html += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      const bool head = c == 0 && !numeric[c];
      const std::string tag = head ? "th" : "td";
      html += "<" + tag + (head ? " scope=\"row\"" : "") + (numeric[c] ? " class=\"n\">" : ">");
      const std::string shown = escape(show(row[c], table.columns[c]));
      html += row[c].best ? "<strong>" + shown + "</strong>" : shown;
      html += "</" + tag + ">";
    }
    html += "</tr>";
  }
  html += "</tbody></table>";
  body_ += scroll_box(table.title.empty() ? "Table" : table.title, html);
  if (!table.note.empty()) body_ += "<p class=\"small\">" + rich(table.note) + "</p>";
  body_ += "\n";
}

void Page::claims(const std::vector<Claim>& claims) {
  std::string html =
      "<table class=\"claims\"><thead><tr><th scope=\"col\">Holds</th><th scope=\"col\">Claim</th><th scope=\"col\" "
      "class=\"n\">Value</th>"
      "<th scope=\"col\" class=\"n\">Against</th><th scope=\"col\" class=\"n\">Chance</th><th "
      "scope=\"col\">Paper</th></tr></thead><tbody>";
  for (const Claim& claim : claims) {
    const bool holds = claim.holds();
    html += std::string("<tr><td><span class=\"mark ") + (holds ? "yes\">yes" : "no\">no") + "</span></td><td>" +
            escape(claim.claim) + "</td><td class=\"n\"><strong>" + format_number(claim.value, 3) +
            "</strong></td><td class=\"n\">" + (claim.better == Better::higher ? "&gt;&#8239;" : "&lt;&#8239;") +
            format_number(claim.against, 3) + "</td><td class=\"n\">" +
            (claim.chance ? format_number(*claim.chance, 2) : "") + "</td><td>" + escape(claim.paper) + "</td></tr>";
  }
  body_ += scroll_box("Claims", html + "</tbody></table>") + "\n";
}

void Page::figure(const Figure& figure) {
  body_ += "<figure>" + figure.svg + caption_of(figure.caption) + "</figure>\n";
}

void Page::figures(const std::vector<Figure>& figures) {
  body_ += "<div class=\"row\">";
  for (const Figure& one : figures) figure(one);
  body_ += "</div>\n";
}

void Page::gallery(const std::vector<Picture>& pictures, const std::string& caption, int64_t size) {
  body_ += "<figure><ul class=\"gallery\" style=\"--size:" + std::to_string(size) + "px\">";
  for (const Picture& picture : pictures) {
    body_ += "<li>" + image(picture, size);
    if (!picture.caption.empty()) body_ += "<span>" + escape(picture.caption) + "</span>";
    body_ += "</li>";
  }
  body_ += "</ul>" + caption_of(caption) + "</figure>\n";
}

void Page::traversals(const std::vector<std::string>& models, const std::vector<Traversal>& traversals,
                      const std::string& caption) {
  body_ += "<figure><div class=\"paths\">";
  for (const Traversal& traversal : traversals) {
    if (traversal.steps.size() != models.size()) {
      throw Error({.what = "a traversal has steps of " + std::to_string(traversal.steps.size()) + " models for " +
                           std::to_string(models.size()),
                   .field = traversal.picture.alt,
                   .mend = "give one list of steps per model"});
    }
    body_ += "<article><header>" + image(traversal.picture, 96);
    if (!traversal.picture.caption.empty()) body_ += "<span>" + escape(traversal.picture.caption) + "</span>";
    body_ += "</header><div class=\"models\">";
    for (size_t m = 0; m < models.size(); ++m) {
      body_ += "<section aria-label=\"" + escape(models[m]) + "\"><h4>" + escape(models[m]) + "</h4><ol>";
      for (const std::string& step : traversal.steps[m]) {
        if (step != "[root]") body_ += "<li>" + escape(step) + "</li>";
      }
      body_ += "<li class=\"root\">root</li></ol></section>";
    }
    body_ += "</div></article>";
  }
  body_ += "</div>" + caption_of(caption) + "</figure>\n";
}

std::string Page::str() const {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\">"
      // Nothing is loaded and nothing runs, whatever a caption may hold.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">"
      "<title>" +
      escape(options_.title) + "</title><style>" + std::string(page_style) +
      "</style></head>\n<body>"
      "<a class=\"skip\" href=\"#main\">Skip to the content</a><header class=\"top\"><h1>" +
      escape(options_.title) + "</h1>";
  if (!options_.subtitle.empty()) out += "<p class=\"lead\">" + rich(options_.subtitle) + "</p>";
  if (contents_.size() > 1) {
    out += "<nav aria-label=\"Contents\"><ol>";
    for (const auto& [anchor, title] : contents_)
      out += "<li><a href=\"#" + anchor + "\">" + escape(title) + "</a></li>";
    out += "</ol></nav>";
  }
  out += "</header>\n<main id=\"main\">\n" + body_ + (in_section_ ? "</section>\n" : "") + "</main>\n";
  if (!options_.footer.empty()) out += "<footer>" + rich(options_.footer) + "</footer>\n";
  return out + "</body></html>\n";
}

void Page::write(const std::filesystem::path& path) const { write_file(path, str()); }

}  // namespace cambium::report
