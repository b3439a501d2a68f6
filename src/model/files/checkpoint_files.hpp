// Which files a model is: the path that a user gives may be a file, an index of shards, one of the shards, or a folder
// as Hugging Face and open_clip keep it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cliplab {

/// The file that holds or indexes the weights. Throws InputError naming a folder without one, or with several that are
/// not known by their names.
std::filesystem::path weights_file(const std::filesystem::path& model);

/// True for "model.safetensors.index.json" and the like.
bool is_shard_index(const std::filesystem::path& file);
/// weight_map: tensor -> name of a file in the index's folder. Throws InputError naming the index: not JSON, a name
/// that leads out of the folder, too many files.
std::map<std::string, std::string> shard_map(const std::filesystem::path& index);
/// Its files, each once.
std::vector<std::filesystem::path> shards_of(const std::filesystem::path& index);

/// The configurations next to the weights, which state facts about the model.
std::vector<std::filesystem::path> checkpoint_configs(const std::filesystem::path& model);

/// Identity of the weights: of one file its SHA-256, of shards that of their names and SHA-256s.
std::string checkpoint_sha256(const std::filesystem::path& model);

/// What to call a model that is given by this path: the file's stem, the folder's name.
std::string checkpoint_name(const std::filesystem::path& model);

}  // namespace cliplab
