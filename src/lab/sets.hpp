// The data sets of a run, opened once each.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "sets/dataset.hpp"
#include "sets/pairs.hpp"
#include "sets/prompts.hpp"
#include "sets/set_ref.hpp"

namespace cliplab {

class Sets {
 public:
  explicit Sets(const Options& options) : options_(options) {}

  const SetRef& ref(const std::string& name);
  /// Kept open. Throws InputError.
  const Dataset& open(const std::string& name, const std::string& split);
  /// Opened anew each time. Throws InputError.
  std::unique_ptr<PairCorpus> pairs(const std::string& name, const std::string& split) {
    return open_pairs(ref(name), split);
  }

  /// Class names and templates: the set's own, or those of the run's prompt set (--prompts).
  Prompts prompts(const std::string& name);

  /// The samples of a split that this run reads, in order: at most eval.max_train or eval.max_test (and --limit) of
  /// them by a seeded choice, whole clips where pictures are frames of clips.
  std::vector<std::int64_t> rows(const std::string& name, const std::string& split);
  /// The same limit for the first pictures of a captioned set.
  std::int64_t limit(const std::string& split) const;

  /// Are all pictures grey? Judged by the first 64.
  bool is_grey(const std::string& name);

 private:
  const Options& options_;
  std::map<std::string, SetRef> refs_;
  std::map<std::string, std::unique_ptr<Dataset>> open_;
  std::map<std::string, bool> grey_;
};

}  // namespace cliplab
