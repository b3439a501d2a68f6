// The user's own copies under the data root as data sets: by a name of data/datasets.json (its split rule, counts and
// prompts apply) or by the folder's own. "pacs/sketch" is the one split `sketch` of a folder, as a test set.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corpora/corpus.hpp"
#include "sets/dataset.hpp"
#include "sets/published.hpp"

namespace cliplab {

/// What `name` has: its splits, title and licence. Throws InputError when nothing of that name is under the data root
/// (with the steps that get it, if it is published).
DatasetInfo open_set_info(const std::string& name);
/// The folder's own names of the splits that have samples, and those of train, validation and test that it can give.
/// "validation" is a split of the folder (validation, val, valid or dev) that neither train nor test is made of.
struct FolderSplits {
  std::vector<std::string> canonical, parts;
};
FolderSplits folder_splits(const std::string& name);
/// folder_splits(name).canonical; throws InputError that names the parts where it is empty.
std::vector<std::string> need_splits(const std::string& name);
std::string open_set_id(const std::string& name, const std::string& split);
/// Throws InputError when the folder has problems: the first and their number.
std::unique_ptr<Dataset> open_set(const std::string& name, const std::string& split);
/// The same for sets of pictures with captions; key is the picture's name, source the set's.
std::unique_ptr<PairCorpus> open_caption_set(const std::string& name, const std::string& split);
/// Has `name` captions instead of classes: a corpus of pairs, or such a folder?
bool is_captioned(const std::string& name);
std::string caption_set_id(const std::string& name, const std::string& split);

/// Every sample is looked for, counts and classes are held against the table. With `decode` every picture is decoded
/// too.
std::vector<std::string> verify_set(const std::string& name, bool decode);
/// "ImageFolder; train 50,000, test 10,000; 10 classes" of what is on disk.
std::string describe_copy(const std::string& name);

}  // namespace cliplab
