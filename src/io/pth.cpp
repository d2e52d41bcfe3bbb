#include "io/pth.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <functional>

#include "core/error.h"
#include "io/byte_reader.h"
#include "io/dtype.h"
#include "io/pickle.h"
#include "io/zip_archive.h"

namespace cambium::io {
namespace {

using Container = PthFile::Container;

constexpr std::string_view kZipMagic("PK\3\4", 4);
// A pickle of protocol 2 that holds torch's magic number 0x1950a86a20f9469cfc6c (torch/serialization.py, MAGIC_NUMBER).
constexpr std::string_view kLegacyMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);
constexpr int64_t kLegacyProtocol = 1001;

using StorageBytes = std::function<SharedBytes(const StorageSpec&)>;

// Gives each tensor of the tree its memory.
void attach_tensors(PickleTree& tree, const StorageBytes& bytes_of, const std::string& source) {
  std::vector<c10::Storage> storages;
  storages.reserve(tree.storages.size());
  for (const StorageSpec& spec : tree.storages) {
    SharedBytes bytes = bytes_of(spec);
    const auto wanted = static_cast<uint64_t>(spec.elements) * c10::elementSize(spec.dtype);
    if (bytes.size < wanted) {
      throw Error(
          {.what = "is truncated: it has " + std::to_string(bytes.size) + " bytes and needs " + std::to_string(wanted),
           .file = source,
           .field = "storage " + spec.key,
           .mend = "download or copy the file again"});
    }
    // An untyped storage (of bytes) does not say which type it will be: 8 serves every one.
    const size_t itemsize = c10::elementSize(spec.dtype);
    if (reinterpret_cast<uintptr_t>(bytes.data) % (itemsize > 1 ? itemsize : sizeof(int64_t)) != 0)
      bytes = copy_bytes(bytes.view().substr(0, wanted));
    const auto options = at::TensorOptions().dtype(at::kByte);
    storages.push_back(wanted == 0
                           ? at::empty({0}, options).storage()
                           : at::from_blob(
                                 bytes.data, {static_cast<int64_t>(wanted)}, [owner = bytes.owner](void*) {}, options)
                                 .storage());
  }
  for (size_t i = 0; i < tree.tensors.size(); ++i) {
    const TensorSpec& spec = tree.tensors[i];
    tree.tensor_values[i]->tensor = at::empty({0}, at::TensorOptions().dtype(spec.dtype))
                                        .set_(storages[spec.storage], spec.offset, spec.sizes, spec.strides);
  }
}

PickleTree parse_zip(const SharedBytes& bytes, const std::string& source, Container& container) {
  const ZipArchive archive(bytes, source);
  // torch.save names everything after one folder: "archive/data.pkl", "archive/data/0".
  std::string folder;
  bool found = false;
  for (const auto& member : archive.members()) {
    const size_t slash = member.name.find('/');
    if (slash == std::string::npos || std::string_view(member.name).substr(slash) != "/data.pkl") continue;
    folder = member.name.substr(0, slash + 1);
    found = true;
  }
  if (!found) {
    throw Error({.what = "is a zip archive without data.pkl, so not a PyTorch file",
                 .file = source,
                 .mend = "unpack it if the weights lie inside, or check that this is the right file"});
  }
  if (const auto* order = archive.find(folder + "byteorder");
      order != nullptr && archive.read(*order).view() != "little") {
    throw Error({.what = "was saved on a big-endian machine",
                 .file = source,
                 .mend = "load and save it with PyTorch on this one"});
  }
  container = archive.find(folder + "constants.pkl") != nullptr ? Container::torchscript : Container::zip;
  const SharedBytes pickle = archive.read(*archive.find(folder + "data.pkl"));
  size_t position = 0;
  PickleTree tree = parse_pickle(pickle.view(), position, source);
  const auto bytes_of = [&](const StorageSpec& spec) {
    const auto* member = archive.find(folder + "data/" + spec.key);
    if (member == nullptr) {
      throw Error({.what = "is missing from the archive",
                   .file = source,
                   .field = folder + "data/" + spec.key,
                   .mend = "download or copy the file again"});
    }
    return archive.read(*member);
  };
  attach_tensors(tree, bytes_of, source);
  return tree;
}

// torch/serialization.py, _legacy_save: pickles of magic, protocol, system, the object and the list of storage keys;
// then for each key its number of elements (8 bytes) and its bytes.
PickleTree parse_legacy(const SharedBytes& bytes, const std::string& source) {
  const auto fail = [&](const std::string& what, const std::string& mend) {
    throw Error({.what = what, .file = source, .mend = mend});
  };
  size_t position = kLegacyMagic.size();
  const PickleTree protocol = parse_pickle(bytes.view(), position, source);
  if (!protocol.root->is(PickleValue::Kind::integer) || protocol.root->integer != kLegacyProtocol) {
    fail("has PyTorch protocol " + describe(*protocol.root) + "; " + std::to_string(kLegacyProtocol) + " is read",
         "load and save it again with a newer PyTorch");
  }
  const PickleTree system = parse_pickle(bytes.view(), position, source);
  if (const PickleValue* little = system.root->get("little_endian"); little != nullptr && little->integer == 0) {
    fail("was saved on a big-endian machine", "load and save it with PyTorch on this one");
  }
  PickleTree tree = parse_pickle(bytes.view(), position, source);
  const PickleTree keys = parse_pickle(bytes.view(), position, source);

  std::unordered_map<std::string, const StorageSpec*> specs;
  for (const StorageSpec& spec : tree.storages) specs.emplace(spec.key, &spec);
  std::unordered_map<std::string, SharedBytes> content;
  ByteReader reader(bytes.view(), source, position);
  for (const PickleValue* key : keys.root->items) {
    const auto spec = specs.find(key->text);
    if (spec == specs.end()) fail("lists a storage that no tensor uses", "check that this is the right file");
    const auto elements = reader.number<int64_t>();
    if (elements != spec->second->elements)
      fail("gives storage " + key->text + " two sizes", "download or copy the file again");
    const std::string_view taken = reader.take(static_cast<uint64_t>(elements) * c10::elementSize(spec->second->dtype));
    content[key->text] = {
        .owner = bytes.owner, .data = bytes.data + (reader.position() - taken.size()), .size = taken.size()};
  }
  attach_tensors(tree, [&](const StorageSpec& spec) { return content[spec.key]; }, source);
  return tree;
}

}  // namespace

PthFile PthFile::open(const std::filesystem::path& path) { return parse(map_file(path), path.string()); }

PthFile PthFile::parse(const SharedBytes& bytes, const std::string& source) {
  PthFile file;
  file.source_ = source;
  if (bytes.view().starts_with(kZipMagic)) {
    file.tree_ = std::make_shared<PickleTree>(parse_zip(bytes, source, file.container_));
  } else if (bytes.view().starts_with(kLegacyMagic)) {
    file.container_ = Container::legacy;
    file.tree_ = std::make_shared<PickleTree>(parse_legacy(bytes, source));
  } else {
    throw Error({.what = "is not a PyTorch file: it begins neither as a zip archive nor with torch's magic number",
                 .file = source,
                 .mend = "check that this is the right file"});
  }
  return file;
}

std::string_view container_name(Container container) {
  switch (container) {
    case Container::zip:
      return "PyTorch zip";
    case Container::legacy:
      return "PyTorch legacy";
    case Container::torchscript:
      return "TorchScript archive";
  }
  return "";
}

StateDict read_pth(const std::filesystem::path& path, std::string_view key) {
  return PthFile::open(path).state_dict(key);
}

bool looks_like_pth(std::string_view bytes) { return bytes.starts_with(kZipMagic) || bytes.starts_with(kLegacyMagic); }

}  // namespace cambium::io
