#include "io/safetensors.h"

#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/dtype.h"

namespace cambium::io {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = 100'000'000;  // the reference implementation's limit
constexpr const char* kAgain = "download or copy the file again";

struct Header {
  json root;
  std::vector<std::string> order;  // top-level keys as they stand in the file
};

// One pass over bytes that come from a file called source.
class Parser {
 public:
  Parser(const SharedBytes& bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  StateDict parse() {
    Header header = parse_header();
    StateDict state{.source = source_};
    for (const std::string& name : header.order) {
      const json& entry = header.root[name];
      if (name == "__metadata__") {
        read_metadata(entry, state.metadata);
      } else {
        state.tensors.emplace_back(name, read_tensor(name, entry));
      }
    }
    check_layout();
    separate_extras(state);
    return state;
  }

 private:
  struct Range {
    uint64_t begin, end;
    std::string name;
  };

  [[noreturn]] void fail(std::string what, std::string field = {},
                         std::string mend = "check that this is the right file") const {
    throw Error({.what = std::move(what), .file = source_, .field = std::move(field), .mend = std::move(mend)});
  }

  Header parse_header() {
    if (bytes_.size < kLengthBytes)
      fail("is truncated: a safetensors file begins with 8 bytes of header length", {}, kAgain);
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data, kLengthBytes);
    if (length < 2 || length > kLargestHeader) {
      fail("is not a safetensors file: its header would be " + std::to_string(length) + " bytes long");
    }
    if (length > bytes_.size - kLengthBytes) {
      fail("is truncated: the header is " + std::to_string(length) + " bytes long and the file " +
               std::to_string(bytes_.size),
           {}, kAgain);
    }
    data_start_ = kLengthBytes + length;
    data_size_ = bytes_.size - data_start_;

    Header header;
    // The DOM would keep the last of two equal keys in silence.
    std::vector<std::unordered_set<std::string>> seen;
    std::string duplicate;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
      if (event == json::parse_event_t::object_start) {
        seen.resize(static_cast<size_t>(depth) + 1);
        seen.back().clear();
      } else if (event == json::parse_event_t::key) {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!seen.back().insert(key).second && duplicate.empty()) duplicate = key;
        if (depth == 1) header.order.push_back(key);
      } else if (event == json::parse_event_t::object_end) {
        seen.resize(static_cast<size_t>(depth));
      }
      return true;
    };
    try {
      header.root = json::parse(bytes_.view().substr(kLengthBytes, length), watch);
    } catch (const json::exception&) {
      fail("is not a safetensors file: its header is not JSON");
    }
    if (!header.root.is_object()) fail("is not a safetensors file: its header is not a JSON object");
    if (!duplicate.empty()) fail("appears twice in the header", duplicate);
    return header;
  }

  void read_metadata(const json& entry, std::map<std::string, std::string>& metadata) const {
    if (!entry.is_object()) fail("is not a JSON object", "__metadata__");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) fail("is not a string", "__metadata__." + key);
      metadata.emplace(key, value.get<std::string>());
    }
  }

  at::Tensor read_tensor(const std::string& name, const json& entry) {
    if (!entry.is_object()) fail("is not a JSON object", name);
    for (const char* key : {"dtype", "shape", "data_offsets"}) {
      if (!entry.contains(key)) fail(std::string("lacks ") + key, name);
    }
    if (!entry["dtype"].is_string()) fail("has a dtype that is not a string", name);
    const std::string dtype_text = entry["dtype"].get<std::string>();
    const auto dtype = dtype_from_name(dtype_text);
    if (!dtype)
      fail("has dtype " + dtype_text + ", which is not one of " + supported_dtypes(), name,
           "convert the file to one of these");

    const std::vector<int64_t> shape = read_shape(name, entry["shape"]);
    const auto count = checked_product(shape);
    int64_t wanted = 0;
    if (!count || __builtin_mul_overflow(*count, static_cast<int64_t>(c10::elementSize(*dtype)), &wanted)) {
      fail("has shape " + shape_text(shape) + ", which is too large", name);
    }

    const json& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      fail("has data_offsets that are not two sizes", name);
    }
    const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    if (begin > end) fail("has data_offsets that run backwards", name);
    if (end - begin != static_cast<uint64_t>(wanted)) {
      fail("has " + std::to_string(end - begin) + " bytes where " + dtype_text + " " + shape_text(shape) + " takes " +
               std::to_string(wanted),
           name);
    }
    if (end > data_size_) {
      fail(
          "is truncated: its bytes end at " + std::to_string(end) + " and the file holds " + std::to_string(data_size_),
          name, kAgain);
    }
    ranges_.push_back({begin, end, name});
    return tensor_over(bytes_, data_start_ + begin, shape, *dtype);
  }

  std::vector<int64_t> read_shape(const std::string& name, const json& entry) const {
    if (!entry.is_array()) fail("has a shape that is not a list", name);
    if (entry.size() > 64) fail("has " + std::to_string(entry.size()) + " dimensions", name);
    std::vector<int64_t> shape;
    for (const json& size : entry) {
      if (!size.is_number_unsigned() || size.get<uint64_t>() > uint64_t{INT64_MAX}) {
        fail("has a shape that is not a list of sizes", name);
      }
      shape.push_back(size.get<int64_t>());
    }
    return shape;
  }

  // The format's own rule: every byte of the data belongs to exactly one tensor.
  void check_layout() {
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
    uint64_t at = 0;
    const Range* before = nullptr;
    for (const Range& range : ranges_) {
      if (range.begin < at) fail("overlaps the bytes of " + before->name, range.name);
      if (range.begin > at)
        fail("leaves a gap of " + std::to_string(range.begin - at) + " bytes before it", range.name);
      at = range.end;
      before = &range;
    }
    if (at != data_size_) fail("has " + std::to_string(data_size_ - at) + " bytes after the last tensor");
  }

  void separate_extras(StateDict& state) const {
    const auto entry = state.metadata.find(kExtrasKey);
    if (entry == state.metadata.end()) return;
    const json names = json::parse(entry->second, nullptr, false);
    if (!names.is_array()) fail("is not a JSON list of names", std::string("__metadata__.") + kExtrasKey);
    const std::set<json> wanted(names.begin(), names.end());
    const auto extra = std::stable_partition(state.tensors.begin(), state.tensors.end(),
                                             [&](const auto& item) { return !wanted.contains(json(item.first)); });
    state.extras.assign(std::make_move_iterator(extra), std::make_move_iterator(state.tensors.end()));
    state.tensors.erase(extra, state.tensors.end());
    state.metadata.erase(entry);
  }

  const SharedBytes& bytes_;
  const std::string& source_;
  uint64_t data_start_ = 0, data_size_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace

StateDict parse_safetensors(const SharedBytes& bytes, const std::string& source) {
  return Parser(bytes, source).parse();
}

StateDict read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(map_file(path), path.string());
}

bool looks_like_safetensors(std::string_view bytes) {
  if (bytes.size() <= kLengthBytes) return false;
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  return length >= 2 && length <= kLargestHeader && bytes[kLengthBytes] == '{';
}

}  // namespace cambium::io
