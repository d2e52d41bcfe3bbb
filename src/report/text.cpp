#include "report/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <openssl/evp.h>

#include "core/error.h"

namespace cambium::report {
namespace {

// Calls use(code point, its bytes) for each character; invalid bytes come one by one as U+FFFD.
template <class Use>
void for_each_character(std::string_view text, Use use) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  for (utf8proc_ssize_t at = 0; at < size;) {
    utf8proc_int32_t point = -1;
    const utf8proc_ssize_t length = utf8proc_iterate(bytes + at, size - at, &point);
    if (length <= 0 || point < 0) {
      use(0xFFFD, std::string_view("\xEF\xBF\xBD"));
      at += 1;
    } else {
      use(point, text.substr(static_cast<size_t>(at), static_cast<size_t>(length)));
      at += length;
    }
  }
}

// C0, DEL, C1, and the two code points that XML 1.0 leaves out at the end of the basic plane.
bool is_control(utf8proc_int32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0xFFFE || point == 0xFFFF;
}

std::string group_thousands(const std::string& digits) {
  const size_t point = std::min(digits.find('.'), digits.size());
  std::string out;
  for (size_t at = 0; at < digits.size(); ++at) {
    const bool between_digits = at > 0 && at < point && digits[at - 1] != '-';
    if (between_digits && (point - at) % 3 == 0) out += ',';
    out += digits[at];
  }
  return out;
}

std::string with_minus(std::string digits) {
  if (digits.starts_with('-')) digits.replace(0, 1, "\u2212");
  return digits;
}

std::string print(const char* format, int precision, double value) {
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, format, precision, value);
  return buffer;
}

// "-0.00" says nothing that "0.00" does not.
std::string without_negative_zero(std::string digits) {
  if (digits.starts_with('-') && digits.find_first_of("123456789") == std::string::npos) digits.erase(0, 1);
  return digits;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for_each_character(text, [&](utf8proc_int32_t point, std::string_view bytes) {
    switch (point) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
        out += '\n';
        break;
      default:
        if (is_control(point))
          out += ' ';
        else
          out += bytes;
    }
  });
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](utf8proc_int32_t point, std::string_view bytes) {
    if (is_control(point))
      out += ' ';
    else
      out += bytes;
  });
  return out;
}

int64_t display_width(std::string_view text) {
  int64_t width = 0;
  for_each_character(text, [&](utf8proc_int32_t point, std::string_view) { width += utf8proc_charwidth(point); });
  return width;
}

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return "\u2013";
  if (value == 0) return "0";
  const double size = std::abs(value);
  std::string text;
  if (size >= 1e9 || size < 1e-4) {
    text = print("%.*e", std::max(digits - 1, 0), value);
    const size_t e = text.find('e');
    std::string mantissa = text.substr(0, e);
    if (mantissa.find('.') != std::string::npos) {
      mantissa.erase(mantissa.find_last_not_of('0') + 1);
      if (mantissa.ends_with('.')) mantissa.pop_back();
    }
    return with_minus(mantissa) + "e" + with_minus(std::to_string(std::stoi(text.substr(e + 1))));
  }
  const int whole = static_cast<int>(std::floor(std::log10(size))) + 1;
  text = print("%.*f", std::max(digits - whole, 0), value);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return with_minus(group_thousands(text));
}

std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "\u2013";
  return with_minus(group_thousands(without_negative_zero(print("%.*f", decimals, value))));
}

std::string format_percent(double fraction, int decimals) {
  if (!std::isfinite(fraction)) return "\u2013";
  return format_fixed(100 * fraction, decimals) + "\u00A0%";
}

std::string data_uri(std::string_view media_type, std::string_view bytes) {
  std::string base64(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  base64.resize(static_cast<size_t>(length));
  return "data:" + std::string(media_type) + ";base64," + base64;
}

std::string picture_uri(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return data_uri("image/png", bytes);
  if (bytes.starts_with("\xFF\xD8\xFF")) return data_uri("image/jpeg", bytes);
  if (bytes.starts_with("GIF8")) return data_uri("image/gif", bytes);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP")
    return data_uri("image/webp", bytes);
  throw Error(
      {.what = "a picture for the report is not PNG, JPEG, WebP or GIF", .mend = "encode it first (io/image.h)"});
}

}  // namespace cambium::report
