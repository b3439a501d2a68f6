// The interface of a study. A study is a folder experiments/<name>/ whose .cpp ends with
// CLIPLAB_REGISTER_EXPERIMENT; no other file names it.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/options.hpp"
#include "lab/lab.hpp"

namespace cliplab {

class Experiment {
 public:
  virtual ~Experiment() = default;
  /// Declares the study's keys, each starting with "<name>.".
  virtual void declare(Options& options) const = 0;
  /// Measures and records. After a kill it runs again from the start; Lab caches what is expensive.
  virtual void run(Lab& lab) const = 0;
};

struct ExperimentInfo {
  std::string name;      // the name of its folder in experiments/
  std::string paper;     // "section 3.1, Figures 5 and 8"
  std::string question;  // one sentence
  std::shared_ptr<const Experiment> experiment;
};

/// All studies, by name.
std::span<const ExperimentInfo> experiments();
/// Throws InputError with the nearest name for an unknown one.
const ExperimentInfo& find_experiment(const std::string& name);
/// Called by the macro before main; a name that is taken is a programming error.
bool register_experiment(ExperimentInfo info);

#define CLIPLAB_REGISTER_EXPERIMENT(Class, name, paper, question) \
  static const bool registered_##Class =                          \
      ::cliplab::register_experiment({name, paper, question, std::make_shared<Class>()})

}  // namespace cliplab
