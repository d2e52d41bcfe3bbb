#pragma once
// The page's style sheet. Internal to report/.

namespace cambium::report {

// Colours are CSS variables: charts use the same, so they follow the reader's light or dark setting. Text on its
// background has a contrast of at least 4.5 in both.
extern const char* const page_style;

}  // namespace cambium::report
