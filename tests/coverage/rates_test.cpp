// Rates, their differences, areas under the ROC curve and means over classes.
#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <numeric>

#include "coverage/simulate.hpp"
#include "eval/metrics.hpp"
#include "eval/scores.hpp"

namespace cliplab {
namespace {

constexpr int kRounds = 2000;

std::int64_t hits_of(Rng& rng, std::int64_t n, double rate) {
  std::int64_t hits = 0;
  for (std::int64_t i = 0; i < n; ++i) hits += chance(rng, rate);
  return hits;
}

TEST(Coverage, OfRates) {
  for (const std::int64_t n : {5, 20, 100, 1000})
    for (const double rate : {0.01, 0.1, 0.5, 0.9, 0.99})
      expect_coverage(fmt::format("clopper-pearson, n {}, rate {}", n, rate), rate, {0.95, 1}, kRounds,
                      [&](Rng& rng) { return clopper_pearson(hits_of(rng, n, rate), n); });
}

TEST(Coverage, OfBoundedMeans) {
  // Values 0, 0.5 and 1, as the mean of top-1 and top-5 of a picture.
  for (const int n : {10, 50, 1000})
    for (const double rate : {0.02, 0.3, 0.7, 0.98})
      expect_coverage(
          fmt::format("agresti-coull, n {}, mean {}", n, rate), rate, kConservative, kRounds, [&](Rng& rng) {
            std::vector<double> values;
            for (int i = 0; i < n; ++i)
              values.push_back(chance(rng, 0.5) ? chance(rng, rate) : (chance(rng, rate) + chance(rng, rate)) / 2.0);
            return bounded_mean(values, "pictures");
          });
}

/// Frames of a clip, or captions of a picture: each cluster has a rate of its own.
struct Clustered {
  std::vector<char> right;
  std::vector<int> cluster;
  Clustered(Rng& rng, int clusters, int size, double rate, double alike) {
    for (int k = 0; k < clusters; ++k) {
      const bool common = chance(rng, rate);
      for (int i = 0; i < size; ++i) {
        right.push_back(chance(rng, alike) ? common : chance(rng, rate));
        cluster.push_back(k);
      }
    }
  }
};

TEST(Coverage, OfClusteredRates) {
  for (const int clusters : {10, 40, 400})
    for (const double rate : {0.1, 0.5, 0.95})
      for (const double alike : {0.0, 0.6, 0.95})
        expect_coverage(fmt::format("korn-graubard, {} clips of 10, rate {}, alike {}", clusters, rate, alike), rate,
                        kConservative, kRounds / 2, [&](Rng& rng) {
                          const Clustered drawn(rng, clusters, 10, rate, alike);
                          return clustered_rate(drawn.right, drawn.cluster, "clips");
                        });
}

TEST(Coverage, OfAnswersOfTheSamePeople) {
  for (const int people : {5, 12})
    expect_coverage(fmt::format("{} people, 100 pictures each", people), 0.6, kConservative, kRounds / 2,
                    [&](Rng& rng) {
                      std::vector<char> right;
                      std::vector<int> person, picture;
                      std::vector<double> easy(100);
                      for (double& one : easy) one = 0.15 * rng.normal();
                      for (int p = 0; p < people; ++p) {
                        const double good = 0.08 * rng.normal();
                        for (int i = 0; i < 100; ++i)
                          right.push_back(chance(rng, 0.6 + good + easy[i])), person.push_back(p), picture.push_back(i);
                      }
                      return clustered_rate(right, person, picture, "people, pictures");
                    });
}

TEST(Coverage, OfPairedDifferences) {
  for (const std::int64_t n : {20, 100, 1000})
    for (const auto& [gained, lost] :
         {std::pair{0.02, 0.02}, std::pair{0.2, 0.1}, std::pair{0.05, 0.0}, std::pair{0.4, 0.05}})
      expect_coverage(fmt::format("score, n {}, gained {}, lost {}", n, gained, lost), gained - lost, kConservative,
                      kRounds, [&, gained = gained, lost = lost](Rng& rng) {
                        std::int64_t b = 0, c = 0;
                        for (std::int64_t i = 0; i < n; ++i) {
                          const double at = rng.uniform();
                          b += at<gained, c += at> 1 - lost;
                        }
                        return paired_difference(b, c, n);
                      });
}

TEST(Coverage, OfDifferencesOfRates) {
  for (const auto& [n, m] : {std::pair{10, 10}, std::pair{15, 500}, std::pair{200, 100}})
    for (const auto& [a, b] : {std::pair{0.5, 0.5}, std::pair{0.9, 0.8}, std::pair{0.98, 0.98}})
      expect_coverage(fmt::format("newcombe, n {} and {}, rates {} and {}", n, m, a, b), a - b, kConservative, kRounds,
                      [&, n = n, m = m, a = a, b = b](Rng& rng) {
                        return difference_of_rates(hits_of(rng, n, a), n, hits_of(rng, m, b), m);
                      });
}

TEST(Coverage, OfFishersTestWhereNothingDiffers) {
  for (const auto& [n, m] : {std::pair{10, 10}, std::pair{15, 500}, std::pair{400, 30}}) {
    int rejected = 0;
    for (int round = 0; round < kRounds; ++round) {
      Rng rng(24, static_cast<std::uint64_t>(round));
      const auto hits = hits_of(rng, n, 0.7), others = hits_of(rng, m, 0.7);
      rejected += fisher_p_value(hits, n, others, m) <= 0.05;
    }
    std::cout << fmt::format("fisher, n {} and {}: rejects {:.3f}\n", n, m, rejected / double{kRounds});
    EXPECT_LE(rejected, (0.05 + 3 * std::sqrt(0.05 * 0.95 / kRounds)) * kRounds) << n;
  }
}

TEST(Coverage, OfAreasUnderTheRocCurve) {
  for (const int n : {10, 50, 400})
    for (const double area : {0.6, 0.9, 0.99}) {
      const double shift = std::sqrt(2.0) * quantile(boost::math::normal(), area);
      expect_coverage(
          fmt::format("newcombe, area {}, {} samples of each", area, n), area, kConservative, 1000, [&](Rng& rng) {
            std::vector<float> scores;
            std::vector<int> labels;
            for (int i = 0; i < 2 * n; ++i) {
              labels.push_back(i < n), scores.push_back(static_cast<float>(rng.normal() + (i < n ? shift : 0)));
            }
            return auc_interval(roc_auc(scores, labels), n, n);
          });
    }
}

TEST(Coverage, OfMeansOverClasses) {
  for (const int size : {1, 2, 3, 5, 10, 50})
    for (const int classes : {5, 10, 100})
      for (const double rate : {0.1, 0.5, 0.9}) {
        std::vector<double> rates(classes);  // about `rate`, spread, the same in each round
        for (int c = 0; c < classes; ++c)
          rates[c] =
              std::clamp(rate + (rate > 0.1 && rate < 0.9 ? 0.35 : 0.09) * (2.0 * c / (classes - 1) - 1), 0.0, 1.0);
        const double truth = std::accumulate(rates.begin(), rates.end(), 0.0) / classes;
        expect_coverage(fmt::format("mean over {} classes of {}, rate {}", classes, size, rate), truth, kConservative,
                        1000, [&](Rng& rng) {
                          std::vector<double> right;
                          std::vector<int> labels;
                          for (int c = 0; c < classes; ++c)
                            for (int i = 0; i < size; ++i) right.push_back(chance(rng, rates[c])), labels.push_back(c);
                          return mean_over_classes(right, labels);
                        });
      }
}

TEST(Coverage, OfAveragePrecisionWithRareClasses) {
  // 20 classes of 1 to 4 positives among 150 pictures. The truth is the mean over many such sets.
  constexpr int kClasses = 20, kPictures = 150;
  const auto draw = [&](Rng& rng) {
    std::pair<Matrix, Truth> set;
    set.first.resize(kPictures, kClasses);
    set.second.num_classes = kClasses;
    set.second.targets.assign(kPictures * kClasses, -1);
    for (int c = 0; c < kClasses; ++c) {
      for (int p = 0; p < 1 + c % 4; ++p) set.second.targets[rng.below(kPictures) * kClasses + c] = 1;
      for (int i = 0; i < kPictures; ++i)
        set.first(i, c) =
            static_cast<float>(rng.normal() + (set.second.targets[i * kClasses + c] > 0 ? 1 + 0.1 * c : 0));
    }
    return set;
  };
  double truth = 0;
  for (int round = 0; round < 4000; ++round) {
    Rng rng(7, static_cast<std::uint64_t>(round));
    const auto [logits, answers] = draw(rng);
    truth += mean_average_precision_11(logits, answers.targets) / 4000;
  }
  // Average precision of few positives is biased upwards in resamples that hold a positive twice: 0.90 is the best that
  // is known here.
  expect_coverage("bootstrap of mAP, 20 classes of 1 to 4 positives", truth, {0.85, 1}, 200, [&](Rng& rng) {
    const auto [logits, answers] = draw(rng);
    return score_named("11-point mAP", logits, answers);
  });
}

}  // namespace
}  // namespace cliplab
