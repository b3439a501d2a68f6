// Names of files are transformers' (modeling_utils.py) and open_clip's (factory.py `_find_checkpoint_in_dir`).
#include "model/files/checkpoint_files.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "model/files/json_config.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShards = 10'000;
constexpr std::array kWeightNames{"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
                                  "open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth",
                                  "model.safetensors",           "model.safetensors.index.json",
                                  "pytorch_model.bin",           "pytorch_model.bin.index.json",
                                  "pytorch_model.pth",           "model.pth"};
constexpr std::array kConfigNames{"open_clip_config.json", "config.json", "processor_config.json",
                                  "preprocessor_config.json"};

/// "model-00001-of-00002.safetensors" -> its index, if that exists.
fs::path index_of_shard(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::size_t of = name.rfind("-of-");
  const std::size_t dot = of == std::string::npos ? of : name.find('.', of), dash = name.rfind('-', of - 1);
  if (of == std::string::npos || dot == std::string::npos || dash == std::string::npos || of == 0) return {};
  const fs::path index = file.parent_path() / (name.substr(0, dash) + name.substr(dot) + ".index.json");
  return fs::is_regular_file(index) ? index : fs::path();
}

fs::path weights_in(const fs::path& folder) {
  for (const char* name : kWeightNames)
    if (fs::is_regular_file(folder / name)) return folder / name;
  std::vector<std::string> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    for (const char* known : {".safetensors", ".bin", ".pt", ".pth", ".ckpt"})
      if (extension == known && entry.is_regular_file()) others.push_back(entry.path().filename().string());
  }
  std::ranges::sort(others);
  if (others.size() == 1) return folder / others[0];
  fail(folder.string(), others.empty() ? "a folder without weights" : "a folder with " + joined(others),
       "one file of weights, or one of " + joined(kWeightNames), "give the file itself");
}

}  // namespace

fs::path weights_file(const fs::path& model) {
  std::error_code error;
  if (fs::is_directory(model, error)) return weights_in(model);
  const fs::path index = index_of_shard(model);
  return index.empty() ? model : index;
}

bool is_shard_index(const fs::path& file) { return file.string().ends_with(".index.json"); }

std::map<std::string, std::string> shard_map(const fs::path& index) {
  const JsonConfig document(index, std::size_t{64} << 20);
  const JsonConfig::Object top = document.top();
  if (!top.is_object("weight_map")) fail(index.string(), "no weight_map", "an index of a model's files");
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : top.object()["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos || name[0] == '.')
      fail(index.string(), "tensor '" + tensor.substr(0, 80) + "' in file '" + name.substr(0, 80) + "'",
           "the name of a file in the same folder");
    map[tensor] = name;
  }
  if (map.empty()) fail(index.string(), "an empty weight_map", "an index of a model's files");
  return map;
}

std::vector<fs::path> shards_of(const fs::path& index) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : shard_map(index)) names.insert(file);
  if (names.size() > kMaxShards)
    fail(index.string(), std::to_string(names.size()) + " files", "at most " + std::to_string(kMaxShards));
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(index.parent_path() / name);
  return files;
}

std::vector<fs::path> checkpoint_configs(const fs::path& model) {
  const fs::path weights = weights_file(model);
  std::vector<fs::path> files;
  for (const char* name : kConfigNames)
    if (const fs::path config = weights.parent_path() / name; fs::is_regular_file(config)) files.push_back(config);
  return files;
}

std::string checkpoint_sha256(const fs::path& model) {
  const fs::path weights = weights_file(model);
  if (!is_shard_index(weights)) return sha256_file(weights);
  std::string lines;
  for (const fs::path& shard : shards_of(weights))
    lines += sha256_file(shard) + "  " + shard.filename().string() + "\n";
  return sha256_hex(lines);
}

std::string checkpoint_name(const fs::path& model) {
  const fs::path plain = model.has_filename() ? model : model.parent_path();
  std::error_code error;
  return (fs::is_directory(plain, error) ? plain.filename() : plain.stem()).string();
}

}  // namespace cliplab
