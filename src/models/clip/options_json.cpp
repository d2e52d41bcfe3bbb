#include "models/clip/options_json.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::clip {
namespace {

using nlohmann::json;

// Reads the keys that a visitor names, and refuses those that none named.
class Reader {
 public:
  Reader(const json& object, std::string source, std::string prefix)
      : object_(object), source_(std::move(source)), prefix_(std::move(prefix)) {
    if (!object.is_object()) fail(prefix_, "not an object");
  }
  template <class T>
  void operator()(const char* key, T& value) {
    known_.insert(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    try {
      found->get_to(value);
    } catch (const json::exception&) {
      fail(key, "of the wrong type");
    }
  }
  void done() const {
    for (const auto& item : object_.items()) {
      if (!known_.contains(item.key())) fail(item.key(), "unknown");
    }
  }
  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw Error({.what = "the model's options are damaged: '" + prefix_ + key + "' is " + what,
                 .file = source_,
                 .field = kOptionsKey});
  }
  const json* section(const char* key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

 private:
  const json& object_;
  std::string source_, prefix_;
  std::set<std::string> known_;
};

class Writer {
 public:
  template <class T>
  void operator()(const char* key, T& value) {
    object[key] = value;
  }
  json object = json::object();
};

// One list of keys serves reading and writing.
template <class Visitor>
void visit(Visitor& v, VisionTransformerOptions& o, std::string& activation, std::string& pos_embed,
           std::string& pool) {
  v("image_size", o.image_size);
  v("patch", o.patch);
  v("width", o.width);
  v("depth", o.depth);
  v("heads", o.heads);
  v("mlp_width", o.mlp_width);
  v("activation", activation);
  v("pos_embed", pos_embed);
  v("pool", pool);
  v("pre_norm", o.pre_norm);
  v("patch_bias", o.patch_bias);
  v("conv_stem", o.conv_stem);
}

template <class Visitor>
void visit(Visitor& v, TextTransformerOptions& o, std::string& activation) {
  v("vocabulary", o.vocabulary);
  v("context", o.context);
  v("width", o.width);
  v("layers", o.layers);
  v("heads", o.heads);
  v("mlp_width", o.mlp_width);
  v("activation", activation);
}

template <class Visitor>
void visit(Visitor& v, CLIPOptions& o) {
  v("embed_dim", o.embed_dim);
  v("pixel_mean", o.pixel_mean);
  v("pixel_std", o.pixel_std);
}

std::string name_of(PosEmbed value) { return value == PosEmbed::learned ? "learned" : "fixed_sincos"; }
std::string name_of(Pool value) { return value == Pool::token ? "token" : "average"; }

}  // namespace

json to_json(const CLIPOptions& options) {
  CLIPOptions o = options;
  std::string visual_activation = nn::to_string(o.visual.activation),
              textual_activation = nn::to_string(o.textual.activation);
  std::string pos_embed = name_of(o.visual.pos_embed), pool = name_of(o.visual.pool);
  Writer whole, visual, textual;
  visit(visual, o.visual, visual_activation, pos_embed, pool);
  visit(textual, o.textual, textual_activation);
  visit(whole, o);
  whole.object["visual"] = visual.object;
  whole.object["textual"] = textual.object;
  return whole.object;
}

CLIPOptions options_from_json(const json& object, const std::string& source, const CLIPOptions& defaults) {
  CLIPOptions o = defaults;
  Reader whole(object, source, "");
  visit(whole, o);
  if (const json* section = whole.section("visual")) {
    Reader reader(*section, source, "visual.");
    std::string activation = nn::to_string(o.visual.activation), pos_embed = name_of(o.visual.pos_embed),
                pool = name_of(o.visual.pool);
    visit(reader, o.visual, activation, pos_embed, pool);
    reader.done();
    o.visual.activation = nn::parse_activation(activation);
    if (pos_embed != "learned" && pos_embed != "fixed_sincos")
      reader.fail("pos_embed", "neither learned nor fixed_sincos");
    if (pool != "token" && pool != "average") reader.fail("pool", "neither token nor average");
    o.visual.pos_embed = pos_embed == "learned" ? PosEmbed::learned : PosEmbed::fixed_sincos;
    o.visual.pool = pool == "token" ? Pool::token : Pool::average;
  }
  if (const json* section = whole.section("textual")) {
    Reader reader(*section, source, "textual.");
    std::string activation = nn::to_string(o.textual.activation);
    visit(reader, o.textual, activation);
    reader.done();
    o.textual.activation = nn::parse_activation(activation);
  }
  whole.done();
  return o;
}

}  // namespace cambium::clip
