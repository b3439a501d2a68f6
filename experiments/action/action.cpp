// Actions from single frames (paper appendix E.3, Table 15): UCF101 and Kinetics-700 as data sets of frames, zero-shot
// and by the probe; RareAct's unusual pairs of verb and noun by average precision (Miech et al. 2020, their
// compute_score.py). DEVIATION(E.3): the paper's prompts and frames of RareAct are not published; here a clip is one
// picture and the prompt is action.template.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

constexpr int kDraws = 100;  // of one clip a video, for mWSAP

/// "cut; laptop; 1; 7frRY7aGwMU" of a caption: the action a clip was looked at for, and whether it shows it.
struct Clip {
  std::string verb, noun;
  int annotation = 0;  // 1 yes; 0 no; 2 to 4 hard negatives
  std::string video;
};

Clip parse_clip(const std::string& text, const std::string& where) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find("; ", begin), text.size());
    parts.push_back(text.substr(begin, end - begin)), begin = end + 2;
  }
  if (parts.size() != 4 || parts[0].empty() || parts[1].empty() || parts[3].empty() || parts[2].size() != 1 ||
      parts[2][0] < '0' || parts[2][0] > '4')
    fail(where, "caption '" + text + "'",
         "verb; noun; annotation of 0 to 4; video, as in 'cut; laptop; 1; 7frRY7aGwMU'");
  return {parts[0], parts[1], parts[2][0] - '0', parts[3]};
}

/// A clip is right for its own action when annotated 1; else it is wrong for it. A clip that shows one action shows no
/// other.
std::vector<int> judged(const std::vector<Clip>& clips, const Clip& action, std::vector<Eigen::Index>& rows) {
  std::vector<int> right;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const bool own = clips[i].verb == action.verb && clips[i].noun == action.noun;
    if (own || clips[i].annotation == 1)
      rows.push_back(static_cast<Eigen::Index>(i)), right.push_back(own && clips[i].annotation == 1);
  }
  return right;
}

/// compute_score.py's three kinds: right, wrong, and hard (an action that shares verb or noun, or annotated 2 to 4).
int kind_of(const Clip& clip, const Clip& action) {
  const bool verb = clip.verb == action.verb, noun = clip.noun == action.noun;
  if (verb && noun) return clip.annotation == 1 ? 0 : clip.annotation == 0 ? 1 : 2;
  return verb || noun ? 2 : 1;
}

class Action : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("action.datasets", {}, Role::kTrainAndTest, "data sets with a train and a test split",
                     {.fallback = "eval.datasets"});
    options.add_sets("action.sets", {}, Role::kPairs,
                     "folders of the data root, a frame a clip, whose captions are 'verb; noun; annotation; video'",
                     {.split_keys = {"action.split"}});
    options.add_text("action.split", "test", "which part of them");
    options.add_text("action.template", "a photo of a person doing this: {}.", "the sentence around verb and noun");
  }

  void run(Lab& lab) const override {
    lab.for_each(lab.sets("action.datasets"), [&](const std::string& name) { record_data_set(lab, name); });
    lab.for_each(lab.sets("action.sets"), [&](const std::string& name) { rare(lab, name); });
  }

 private:
  static void rare(Lab& lab, const std::string& name) {
    const Options& options = lab.options();
    const auto check = [](const std::vector<std::string>& captions, const std::string& where) {
      parse_clip(captions.at(0), where);
    };
    const auto [id, keys, captions, features] =
        lab.pair_features(name, options.text("action.split"), lab.limit("test"), lab.joint(), check);
    std::vector<Clip> clips;
    for (std::size_t i = 0; i < keys.size(); ++i) clips.push_back(parse_clip(captions[i].at(0), id + ": " + keys[i]));
    std::map<std::pair<std::string, std::string>, Clip> actions;
    for (const Clip& clip : clips)
      if (clip.annotation == 1) actions.emplace(std::pair(clip.verb, clip.noun), clip);
    if (actions.empty()) fail(id, "no clip annotated 1", "at least one");
    std::vector<std::string> names;
    for (const auto& [action, clip] : actions) names.push_back(action.first + " " + action.second);
    const std::string title = lab.title(name);
    for (std::size_t m = 0; m < features.size(); ++m) {
      ClipModel& model = *lab.models()[m];
      const Matrix logits = label_logits(model, names, options.text("action.template"), features[m]);  // [N, A]
      MatrixD table(std::ssize(names), 2);
      Eigen::Index a = 0;
      for (const auto& [action, clip] : actions) {
        table.row(a) << weighted(clips, clip, logits.col(a)),
            sampled(clips, clip, logits.col(a), static_cast<std::uint64_t>(options.integer("seed")));
        ++a;
      }
      for (const auto& [column, metric] : {std::pair{0, "mwap"}, std::pair{1, "mwsap"}})
        lab.record({title, options.text("action.split"), model.info().name, "zero-shot", metric},
                   over_actions(VectorD(table.col(column)), std::ssize(clips)));
      const std::string& who = model.info().name;
      lab.array({"actions/" + name + "/" + who, {"mwap", "mwsap"}, table, array_params("actions", title, who)});
      lab.array({"logits/" + name + "/" + who, numbered(names.size()), logits.cast<double>(),
                 array_params("logits", title, who)});
    }
  }

  static std::vector<std::string> numbered(std::size_t count) {
    std::vector<std::string> columns;
    for (std::size_t i = 0; i < count; ++i) columns.push_back(fmt::format("action{}", i));
    return columns;
  }

  /// The mean over actions, which are what varies; n is the clips'.
  static Interval over_actions(const VectorD& precision, std::int64_t n) {
    Interval mean = bounded_mean({precision.data(), static_cast<std::size_t>(precision.size())}, "actions");
    mean.n = n;
    return mean;
  }

  /// Every clip counts as 1 over its video's clips of the same kind.
  static double weighted(const std::vector<Clip>& clips, const Clip& action, const Vector& scores) {
    std::vector<Eigen::Index> rows;
    const std::vector<int> right = judged(clips, action, rows);
    std::map<std::pair<std::string, int>, double> of_video;
    for (const Eigen::Index row : rows) ++of_video[{clips[row].video, kind_of(clips[row], action)}];
    std::vector<float> chosen;
    std::vector<double> weights;
    for (const Eigen::Index row : rows)
      chosen.push_back(scores(row)), weights.push_back(1 / of_video[{clips[row].video, kind_of(clips[row], action)}]);
    return average_precision(chosen, right, weights);
  }

  /// One clip a video and kind, drawn anew each time.
  static double sampled(const std::vector<Clip>& clips, const Clip& action, const Vector& scores, std::uint64_t seed) {
    std::vector<Eigen::Index> rows;
    judged(clips, action, rows);
    std::map<std::pair<std::string, int>, std::vector<Eigen::Index>> of_video;
    for (const Eigen::Index row : rows) of_video[{clips[row].video, kind_of(clips[row], action)}].push_back(row);
    Rng rng(seed, 0xac710);
    double sum = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      std::vector<float> chosen;
      std::vector<int> right;
      for (const auto& [video, own] : of_video)
        chosen.push_back(scores(own[rng.below(own.size())])), right.push_back(video.second == 0);
      sum += average_precision(chosen, right, std::vector<double>(chosen.size(), 1.0));
    }
    return sum / kDraws;
  }
};

CLIPLAB_REGISTER_EXPERIMENT(Action, "action", "appendix E.3, Table 15",
                            "Can the action, usual or unusual, be recognised from one frame?");

}  // namespace
}  // namespace cliplab
