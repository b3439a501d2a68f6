// The models of a run that trains: one for each architecture, objective and corpus that [train] lists.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "train/train.hpp"

namespace cliplab {

/// A model file, and what records call it; "": by its architecture.
struct ModelFile {
  std::filesystem::path file;
  std::string name;
  std::string sha256;  // where it is known: the file is not read again for it
};

void declare_train_options(Options& options);

/// "auto": bf16 where the processor multiplies it natively, else fp32, which is several times faster there.
std::string resolved_precision(const std::string& wanted);

/// Throws InputError for values of [train] that no training can run with.
void check_train_options(const Options& options);

/// The configuration of one training.
TrainConfig train_config(const Options& options, const std::string& architecture, const std::string& objective,
                         const std::string& corpus);

/// Trains what is not trained yet, all `ranks` together; rank 0 puts each training's curve into `folder`. `init_id` is
/// the identity of train.init, "" without one. Returns the models in the order of the config, snapshots before the
/// model they belong to.
std::vector<ModelFile> train_models(const Options& options, const std::string& init_id,
                                    const std::filesystem::path& folder, const Ranks& ranks);

}  // namespace cliplab
