#pragma once
// SVG drawings as pixels, by librsvg. A target of its own (cambium_svg): only the preparation of data links it.
#include "io/image.h"

namespace cambium::io {

// [height, width, 4] (RGBA, alpha not premultiplied): the drawing as large as fits, its proportions kept, in the
// middle. Nothing outside `svg` is read. `source` names it in errors. Error: not SVG, empty, sides outside 1 to 8192.
Image render_svg(std::string_view svg, const std::string& source, int64_t width, int64_t height);

}  // namespace cambium::io
