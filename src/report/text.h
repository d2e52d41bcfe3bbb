#pragma once
// Text from anywhere (captions, file names, class names) made safe to put into a page, an SVG or a terminal.
#include <cstdint>
#include <string>
#include <string_view>

namespace cambium::report {

// For HTML and SVG, as element text or inside a quoted attribute: & < > " ' become entities, bytes that are not UTF-8
// become U+FFFD, control characters (which XML forbids) become spaces; newlines stay.
std::string escape(std::string_view text);

// Only the second and third part of escape(), on one line: valid UTF-8, every control character a space.
std::string printable(std::string_view text);

// Columns that printable text takes in a terminal: 2 for wide characters, 0 for combining ones.
int64_t display_width(std::string_view text);

// A number for people: `digits` significant at most, no trailing zeros, a typographic minus, thousands grouped
// ("12,000", "0.07", "−3.5", "1.2e−7"). "–" if not finite.
std::string format_number(double value, int digits = 4);
// Fixed decimals ("0.430"), or per cent ("43.0 %"). "–" if not finite.
std::string format_fixed(double value, int decimals);
std::string format_percent(double fraction, int decimals = 1);

// "data:image/png;base64,..."
std::string data_uri(std::string_view media_type, std::string_view bytes);
// The same, the media type taken from the first bytes (PNG, JPEG, WebP, GIF). Error for anything else.
std::string picture_uri(std::string_view bytes);

}  // namespace cambium::report
