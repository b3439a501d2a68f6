// Test pictures that the training data also contain, and what they add to the score (paper section 5, Figure 17). The
// detector is inspect/overlap.hpp; see its DEVIATION(5).
#include "inspect/overlap.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

constexpr double kLevel = 0.995;  // of Figure 17's intervals

double share_right(std::span<const int> ranks) {
  return static_cast<double>(std::count(ranks.begin(), ranks.end(), 0)) /
         static_cast<double>(std::max<std::size_t>(1, ranks.size()));
}

class DataOverlap : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("data_overlap.datasets", {}, Role::kTest, "data sets with one label a picture",
                     {.fallback = "eval.datasets", .one_label = true});
    options.add_sets("data_overlap.sets", {"drawings"}, Role::kPairs,
                     "what the models were trained on: built sets of pairs, or captioned folders of the data root",
                     {.split_keys = {"data_overlap.split"}});
    options.add_text("data_overlap.split", "train", "which part of them");
  }

  void run(Lab& lab) const override {
    const Options& options = lab.options();
    std::vector<Fingerprints> trained;  // looked at once for all data sets
    for (const std::string& name : lab.sets("data_overlap.sets"))
      trained.push_back(fingerprint(pictures_of(*lab.pairs(name, options.text("data_overlap.split")))));
    lab.for_each(lab.sets("data_overlap.datasets"), [&](const std::string& name) {
      const std::vector<char> seen = seen_before(lab, name, trained);
      const Interval share = clopper_pearson(std::count(seen.begin(), seen.end(), 1), std::ssize(seen));
      lab.record({name, "test", "", "overlap", "share"}, share);
      for (const auto& model : lab.models()) measure(lab, *model, name, seen);
    });
  }

 private:
  /// For each row of features(): is it, or does it look like, a picture of the training data?
  static std::vector<char> seen_before(Lab& lab, const std::string& name, const std::vector<Fingerprints>& trained) {
    const Dataset& set = lab.dataset(name, "test");
    const std::vector<std::int64_t>& rows = lab.features(*lab.models().front(), name, "test", Space::kJoint).rows;
    const PictureSource test{set.id(), std::ssize(rows), [&](std::int64_t i) { return set.get(rows[i]).image; },
                             [&](std::int64_t i) { return set.key(rows[i]); }};
    const Fingerprints looked = fingerprint(test);
    std::vector<char> seen(rows.size());
    for (const Fingerprints& corpus : trained)
      for (const OverlapPair& pair : find_overlap(looked, corpus).pairs) seen[pair.first] = 1;
    return seen;
  }

  static void measure(Lab& lab, ClipModel& model, const std::string& name, const std::vector<char>& seen) {
    const Outcome outcome = lab.zero_shot(model, name);
    std::vector<int> clean, overlap;
    for (std::size_t i = 0; i < seen.size(); ++i) (seen[i] ? overlap : clean).push_back(outcome.ranks[i]);
    const std::string& encoder = model.info().name;
    lab.record({name, "test", encoder, "zero-shot", "top1", {{"pictures", "all"}}}, top_k(outcome.ranks, 1));
    lab.record({name, "test", encoder, "zero-shot", "top1", {{"pictures", "clean"}}}, top_k(clean, 1));

    MatrixD table(std::ssize(seen), 2);
    for (std::size_t i = 0; i < seen.size(); ++i) table.row(static_cast<Eigen::Index>(i)) << seen[i], outcome.ranks[i];
    lab.array({"overlap/" + name + "/" + encoder, {"seen", "rank"}, table, array_params("overlap", name, encoder)});
    if (overlap.empty() || clean.empty()) {  // nothing to compare: the gain is none, a test has no side
      if (overlap.empty())
        lab.record({name, "test", encoder, "overlap", "gain", {{"pictures", "all"}, {"minus", "clean"}}},
                   {0, 0, 0, std::ssize(seen)});
      say(fmt::format("{}: {} of {} test pictures were in the training data; no test of a difference", name,
                      overlap.size(), seen.size()));
      return;
    }
    lab.record({name, "test", encoder, "zero-shot", "top1", {{"pictures", "overlap"}}}, top_k(overlap, 1));
    const auto gain = [&](std::span<const std::size_t> rows) {
      std::vector<int> all, unseen;
      for (const std::size_t row : rows) {
        all.push_back(outcome.ranks[row]);
        if (!seen[row]) unseen.push_back(outcome.ranks[row]);
      }
      return share_right(all) - share_right(unseen);
    };
    lab.record({name, "test", encoder, "overlap", "gain", {{"pictures", "all"}, {"minus", "clean"}}},
               bootstrap(std::ssize(seen), gain));
    // Figure 17, left: the overlap's own interval less the clean score, which is taken as exact.
    const auto hits = std::count(overlap.begin(), overlap.end(), 0);
    const Interval own = clopper_pearson(hits, std::ssize(overlap), kLevel);
    const double expected = share_right(clean);
    lab.record({name,
                "test",
                encoder,
                "overlap",
                "difference",
                {{"pictures", "overlap"}, {"minus", "clean"}, {"level", "0.995"}}},
               {own.value - expected, own.low - expected, own.high - expected, own.n});
    // The null hypothesis: what was seen is got right as often as what was not.
    const double p = binomial_p_value(hits, std::ssize(overlap), expected);
    lab.record({name,
                "test",
                encoder,
                "overlap",
                "p_value",
                {{"pictures", "overlap"}, {"minus", "clean"}, {"test", "binomial"}}},
               {p, p, p, own.n});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(DataOverlap, "data_overlap", "section 5, Figure 17",
                            "How many test pictures were in the training data, and what do they add to the score?");

}  // namespace
}  // namespace cliplab
