#include "index/format.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::index {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* rebuild = "build the index again from the pictures";
constexpr int64_t most = int64_t{1} << 48;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& field, const std::string& what) {
  throw Error({.what = what, .file = file.string(), .field = field, .mend = rebuild});
}

int64_t integer(const Json& json, const char* key, int64_t low, int64_t high, const std::filesystem::path& file,
                const std::string& where = {}) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) fail(file, where + key, "expected a whole number");
  if (found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    fail(file, where + key, "is out of range");
  const auto value = found->get<int64_t>();
  if (value < low || value > high)
    fail(file, where + key,
         std::to_string(value) + " is not between " + std::to_string(low) + " and " + std::to_string(high));
  return value;
}

std::string text(const Json& json, const char* key, const std::filesystem::path& file, const std::string& where = {}) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) fail(file, where + key, "expected a text");
  return found->get<std::string>();
}

Json parse(std::string_view text, const std::filesystem::path& file, const std::string& field) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) fail(file, field, "is not a JSON object");
  return json;
}

// File names are bytes, JSON is UTF-8: a name that is not UTF-8 is written in hexadecimal under another key.
std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::string from_hex(const std::string& hex, const std::filesystem::path& file, const std::string& field) {
  if (hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdef") != std::string::npos)
    fail(file, field, "is not hexadecimal");
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string dump_or_nothing(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::type_error&) {  // not UTF-8
    return {};
  }
}

}  // namespace

std::string serialise(const Manifest& manifest) {
  Json json;
  json["format"] = "cambium-index";
  json["version"] = 1;
  json["space"] = to_string(manifest.space.kind);
  if (manifest.space.kind == Space::Kind::lorentz) json["curvature"] = manifest.space.curvature;
  json["dimensions"] = manifest.dimensions;
  json["storage"] = manifest.storage == Storage::f32 ? "f32" : "bf16";
  json["model"] = {{"name", manifest.model.name},
                   {"path", manifest.model.path},
                   {"fingerprint", manifest.model.fingerprint},
                   {"picture_size", manifest.model.picture_size}};
  if (!manifest.model.delta.empty()) json["model"]["delta"] = manifest.model.delta;
  json["generation"] = manifest.generation;
  json["rows"] = manifest.rows;
  json["items_bytes"] = manifest.items_bytes;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Manifest parse_manifest(std::string_view bytes, const std::filesystem::path& file) {
  const Json json = parse(bytes, file, "");
  if (const auto found = json.find("format"); found == json.end() || *found != "cambium-index")
    fail(file, "format", "is not \"cambium-index\"");
  if (const int64_t version = integer(json, "version", 1, most, file); version != 1) {
    throw Error({.what = "is version " + std::to_string(version) + ", this program reads version 1",
                 .file = file.string(),
                 .field = "version",
                 .mend = "use a newer cambium"});
  }
  Manifest manifest;
  const std::string space = text(json, "space", file);
  if (space == "lorentz") {
    const auto found = json.find("curvature");
    if (found == json.end() || !found->is_number()) fail(file, "curvature", "expected a number");
    manifest.space = Space::lorentz(found->get<double>());
    if (!(manifest.space.curvature > 0) || !std::isfinite(manifest.space.curvature))
      fail(file, "curvature", "is not a positive number");
  } else if (space != "dot") {
    fail(file, "space", "is \"" + space + "\", neither dot nor lorentz");
  }
  manifest.dimensions = integer(json, "dimensions", 1, 1 << 20, file);
  const std::string storage = text(json, "storage", file);
  if (storage != "f32" && storage != "bf16") fail(file, "storage", "is \"" + storage + "\", neither f32 nor bf16");
  manifest.storage = storage == "f32" ? Storage::f32 : Storage::bf16;
  const auto model = json.find("model");
  if (model == json.end() || !model->is_object()) fail(file, "model", "expected an object");
  manifest.model = {.name = text(*model, "name", file, "model."),
                    .path = text(*model, "path", file, "model."),
                    .delta = model->contains("delta") ? text(*model, "delta", file, "model.") : "",
                    .fingerprint = text(*model, "fingerprint", file, "model."),
                    .picture_size = integer(*model, "picture_size", 0, 1 << 20, file, "model.")};
  manifest.generation = integer(json, "generation", 1, most, file);
  // Bounded so that rows * row_bytes fits.
  manifest.rows = integer(json, "rows", 0, most / (4 * manifest.dimensions), file);
  manifest.items_bytes = integer(json, "items_bytes", 0, most, file);
  return manifest;
}

std::string serialise(const Entry& entry) {
  if (const auto* removal = std::get_if<Removal>(&entry)) return Json({{"remove", removal->row}}).dump() + "\n";
  const Item& item = std::get<Item>(entry);
  Json json;
  json["path"] = item.path;
  json["size"] = item.size;
  json["modified_ns"] = item.modified_ns;
  std::string line = dump_or_nothing(json);
  if (line.empty()) {
    json.erase("path");
    json["path_hex"] = to_hex(item.path);
    line = json.dump();
  }
  return line + "\n";
}

Entry parse_entry(std::string_view line, const std::filesystem::path& file, int64_t line_number) {
  const std::string where = "line " + std::to_string(line_number);
  const Json json = parse(line, file, where);
  if (json.contains("remove")) return Removal{integer(json, "remove", 0, most, file, where + ", ")};
  Item item;
  if (json.contains("path_hex"))
    item.path = from_hex(text(json, "path_hex", file, where + ", "), file, where + ", path_hex");
  else
    item.path = text(json, "path", file, where + ", ");
  item.size = integer(json, "size", 0, INT64_MAX, file, where + ", ");
  item.modified_ns = integer(json, "modified_ns", INT64_MIN, INT64_MAX, file, where + ", ");
  return item;
}

}  // namespace cambium::index
