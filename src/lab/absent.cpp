// The lists are overwritten as if the command line had said so, so the record of the run has what was run.
#include "lab/absent.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.hpp"
#include "base/text.hpp"
#include "corpora/corpus.hpp"
#include "sets/dataset.hpp"

namespace cliplab {
namespace {

enum class Need { kTest, kTrain, kPairs };

class Presence {
 public:
  /// Empty: it is there.
  const std::string& why_not(const std::string& name, Need need, const std::string& split = "test") {
    const auto [at, fresh] = known_.try_emplace({name, need, split});
    if (fresh) at->second = look(name, need, split);
    return at->second;
  }

 private:
  static std::string look(const std::string& name, Need need, const std::string& split) {
    try {
      if (is_corpus(name)) return {};
      if (need == Need::kPairs) {
        pair_corpus_id(name, split);
        return {};
      }
      const DatasetInfo info = dataset_info(name);
      if (!info.corpus.empty()) return {};
      dataset_id(name, "test");
      if (need == Need::kTrain && std::find(info.splits.begin(), info.splits.end(), "train") == info.splits.end())
        return "no split to train on";
      return {};
    } catch (const InputError& error) {
      return error.what();
    }
  }

  std::map<std::tuple<std::string, Need, std::string>, std::string> known_;
};

}  // namespace

std::vector<std::string> leave_out_absent(Options& options) {
  std::vector<std::string> told;
  Presence presence;
  const auto set = [&](const std::string& key, const Options::List& list) {
    options.parse_arguments(std::vector<std::string>{"--" + key + "=" + joined(list, ",")});
  };
  const auto tell = [&](const std::string& line) {
    if (std::find(told.begin(), told.end(), line) == told.end()) told.push_back(line);
  };
  const auto keep = [&](const std::string& key, Need need, Options::List* untrained = nullptr,
                        const std::string& split = "test") {
    Options::List kept;
    for (const std::string& item : options.list(key)) {
      const auto arrow = item.find('>');
      std::string why = presence.why_not(item.substr(0, arrow), need, split);
      if (why.empty() && arrow != std::string::npos) why = presence.why_not(item.substr(arrow + 1), Need::kTest);
      if (why.empty())
        kept.push_back(item);
      else if (untrained != nullptr && presence.why_not(item, Need::kTest).empty())
        untrained->push_back(item);
      else
        tell(item + ": " + why);
    }
    set(key, kept);
    return !kept.empty();
  };
  Options::List untrained, studies;
  const bool any = keep("eval.datasets", Need::kTrain, &untrained);
  const Options::List wanted = options.list("studies");
  for (const std::string& study : wanted) {
    std::map<std::string, Need> lists;                                       // the study's own
    const Need own = study == "visual_ngrams" ? Need::kTest : Need::kTrain;  // by name alone
    for (const auto& [key, need] :
         std::map<std::string, Need>{{".datasets", own}, {".extra_datasets", Need::kTest}, {".pairs", Need::kTrain}})
      if (options.has(study + key)) lists[study + key] = need;
    for (const char* key : kPairSetKeys)
      if (options.has(study + key)) lists[study + key] = Need::kPairs;
    bool something = false, asks_for_eval = lists.empty();
    for (const auto& [key, need] : lists) {
      if (key == "zero_shot_vs_probe.extra_datasets") {
        Options::List extra = options.list(key);
        for (const std::string& name : untrained)
          if (std::find(extra.begin(), extra.end(), name) == extra.end())
            extra.push_back(name), tell(name + ": no split to train on, zero-shot only");
        set(key, extra);
      }
      const bool empty = options.list(key).empty();
      something = keep(key, need, nullptr, need == Need::kPairs ? options.text(study + ".split") : "test") || something;
      asks_for_eval = asks_for_eval || key.ends_with(".extra_datasets") || (empty && key.ends_with(".datasets"));
    }
    if (options.has(study + ".reference")) {  // task_shift: one of eval.datasets that all is held against
      const auto& there = options.list("eval.datasets");
      const std::string& reference = options.text(study + ".reference");
      if (std::find(there.begin(), there.end(), reference) == there.end()) {
        tell("study " + study + ": its reference " + reference + " is not there");
        continue;
      }
    }
    if (something || (asks_for_eval && any))
      studies.push_back(study);
    else
      tell("study " + study + ": none of its data sets is there");
  }
  set("studies", studies);
  return told;
}

}  // namespace cliplab
