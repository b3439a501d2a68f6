// Test pictures that the training data also contain, and what they add to the score (paper section 5, Figure 17). The
// detector is inspect/overlap.hpp; see its DEVIATION(5).
#include "inspect/overlap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

constexpr double kLevel = 0.995;  // of Figure 17's intervals

/// All pictures less the clean ones is the overlap less the clean, times the overlap's share of all; its own sampling
/// error is added.
Interval scaled(const Interval& difference, double share, std::int64_t n) {
  const double value = share * difference.value,
               of_share = kZ * difference.value * std::sqrt(share * (1 - share) / static_cast<double>(n));
  return {value, value - std::hypot(share * (difference.value - difference.low), of_share),
          value + std::hypot(share * (difference.high - difference.value), of_share), n, difference.covers};
}

double share_of(std::size_t part, std::size_t all) { return static_cast<double>(part) / static_cast<double>(all); }

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
                   point(0, std::ssize(seen)));
      say(fmt::format("{}: {} of {} test pictures were in the training data; no test of a difference", name,
                      overlap.size(), seen.size()));
      return;
    }
    lab.record({name, "test", encoder, "zero-shot", "top1", {{"pictures", "overlap"}}}, top_k(overlap, 1));
    const auto hits = std::count(overlap.begin(), overlap.end(), 0),
               clean_hits = std::count(clean.begin(), clean.end(), 0);
    const auto difference = [&](double level) {
      return difference_of_rates(hits, std::ssize(overlap), clean_hits, std::ssize(clean), level);
    };
    lab.record({name, "test", encoder, "overlap", "gain", {{"pictures", "all"}, {"minus", "clean"}}},
               scaled(difference(0.95), share_of(overlap.size(), seen.size()), std::ssize(seen)));
    // Figure 17, left. Unlike there, the clean score has its own sampling error: it counts where few are clean.
    lab.record({name,
                "test",
                encoder,
                "overlap",
                "difference",
                {{"pictures", "overlap"}, {"minus", "clean"}, {"level", "0.995"}}},
               difference(kLevel));
    // The null hypothesis: what was seen is got right as often as what was not.
    const double p = fisher_p_value(hits, std::ssize(overlap), clean_hits, std::ssize(clean));
    lab.record({name,
                "test",
                encoder,
                "overlap",
                "p_value",
                {{"pictures", "overlap"}, {"minus", "clean"}, {"test", "fisher"}}},
               point(p, std::ssize(overlap)));
  }
};

CLIPLAB_REGISTER_EXPERIMENT(DataOverlap, "data_overlap", "section 5, Figure 17",
                            "How many test pictures were in the training data, and what do they add to the score?");

}  // namespace
}  // namespace cliplab
