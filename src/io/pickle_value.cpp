#include "io/pickle_value.h"

#include <nlohmann/json.hpp>

#include "io/dtype.h"

namespace cambium::io {
namespace {

std::string quoted(const std::string& text) {
  constexpr size_t kShown = 60;
  std::string shown = text.substr(0, kShown);
  shown = nlohmann::json(shown).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.size() > kShown ? shown + "..." : shown;
}

}  // namespace

const PickleValue* PickleValue::get(std::string_view key) const {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->first->is(Kind::string) && entry->first->text == key) return entry->second;
  }
  return nullptr;
}

std::string describe(const PickleValue& value) {
  using Kind = PickleValue::Kind;
  switch (value.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return value.integer ? "True" : "False";
    case Kind::integer:
      return std::to_string(value.integer);
    case Kind::big_integer:
      return "integer of " + std::to_string(value.text.size()) + " bytes";
    case Kind::real:
      return nlohmann::json(value.real).dump();
    case Kind::string:
      return quoted(value.text);
    case Kind::bytes:
      return std::to_string(value.text.size()) + " bytes";
    case Kind::list:
      return "list of " + std::to_string(value.items.size());
    case Kind::tuple:
      return "tuple of " + std::to_string(value.items.size());
    case Kind::set:
      return "set of " + std::to_string(value.items.size());
    case Kind::dict:
      return "dict of " + std::to_string(value.entries.size());
    case Kind::global:
      return quoted(value.text);
    case Kind::object:
      return "object of " + quoted(value.text);
    case Kind::storage:
      return "storage";
    case Kind::tensor:
      if (!value.tensor.defined()) return "tensor";
      return "tensor " + std::string(dtype_name(value.tensor.scalar_type())) + " " + shape_text(value.tensor.sizes());
  }
  return "";
}

}  // namespace cambium::io
