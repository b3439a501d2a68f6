// Lines, effective robustness, draws and medians.
#include <numeric>

#include "coverage/simulate.hpp"
#include "eval/robustness.hpp"

namespace cliplab {
namespace {

constexpr int kRounds = 2000;

/// Points about y = 0.8 x - 0.3, `scatter` apart.
struct Points {
  std::vector<double> x, y;
  Points(Rng& rng, int count, double scatter) {
    for (int i = 0; i < count; ++i) {
      x.push_back(-1 + 2.0 * i / (count - 1));
      y.push_back(0.8 * x.back() - 0.3 + scatter * rng.normal());
    }
  }
};

TEST(Coverage, OfSlopeAndIntercept) {
  for (const int count : {5, 8, 82})
    for (const double scatter : {0.05, 0.5}) {
      const auto line = [&](Rng& rng) {
        const Points points(rng, count, scatter);
        return fit_line(points.x, points.y);
      };
      expect_coverage(fmt::format("slope, {} points, scatter {}", count, scatter), 0.8, kExact, kRounds,
                      [&](Rng& rng) { return line(rng).slope; });
      expect_coverage(fmt::format("intercept, {} points, scatter {}", count, scatter), -0.3, kExact, kRounds,
                      [&](Rng& rng) { return line(rng).intercept; });
    }
}

TEST(Coverage, OfCorrelation) {
  for (const int count : {5, 12, 82})
    for (const double r : {0.0, 0.5, 0.95})
      expect_coverage(fmt::format("r {}, {} points", r, count), r, kExact, kRounds, [&](Rng& rng) {
        std::vector<double> x, y;
        for (int i = 0; i < count; ++i)
          x.push_back(rng.normal()), y.push_back(r * x.back() + std::sqrt(1 - r * r) * rng.normal());
        return fit_line(x, y).r;
      });
}

std::int64_t hits_of(Rng& rng, std::int64_t n, double rate) {
  std::int64_t hits = 0;
  for (std::int64_t i = 0; i < n; ++i) hits += chance(rng, rate);
  return hits;
}

TEST(Coverage, OfEffectiveRobustness) {
  // The baselines scatter about a line in logits and are measured on pictures themselves; the model stands 5 points
  // above.
  for (const auto& [baselines, scatter] :
       {std::pair{8, 0.1}, std::pair{8, 0.4}, std::pair{82, 0.1}, std::pair{82, 0.4}})
    for (const int pictures : {300, 5000}) {
      const double source = 0.7, shift = inverse_logit(-0.6 + 0.9 * logit(source, 1000000)) + 0.05;
      expect_coverage(
          fmt::format("effective robustness, {} baselines, scatter {}, {} pictures", baselines, scatter, pictures),
          0.05, {0.93, 0.98}, 1000, [&, baselines = baselines, scatter = scatter](Rng& rng) {
            std::vector<double> x, y;
            for (int i = 0; i < baselines; ++i) {
              const double at = -0.8 + 2.4 * i / (baselines - 1);
              x.push_back(at), y.push_back(-0.6 + 0.9 * at + scatter * rng.normal());
            }
            return effective_robustness(fit_line(x, y), clopper_pearson(hits_of(rng, pictures, source), pictures),
                                        clopper_pearson(hits_of(rng, pictures, shift), pictures));
          });
    }
}

TEST(Coverage, OfMeansOfDraws) {
  // A picture is right when its own ease, a draw's luck and chance add up; the truth is the mean over all of them.
  constexpr int kPictures = 300;
  double truth = 0;
  {
    Rng rng(3, 0);
    for (int i = 0; i < 400000; ++i) truth += rng.normal() + 0.15 * rng.normal() + rng.normal() > -0.5;
    truth /= 400000;
  }
  for (const int draws : {2, 3, 5, 20})
    expect_coverage(fmt::format("{} draws, {} pictures", draws, kPictures), truth, {0.93, 0.985}, kRounds / 2,
                    [&](Rng& rng) {
                      std::vector<double> ease(kPictures), right(kPictures), scores;
                      for (double& one : ease) one = rng.normal();
                      for (int d = 0; d < draws; ++d) {
                        const double luck = 0.15 * rng.normal();
                        double sum = 0;
                        for (int i = 0; i < kPictures; ++i) {
                          const bool hit = ease[i] + luck + rng.normal() > -0.5;
                          sum += hit, right[i] += hit / static_cast<double>(draws);
                        }
                        scores.push_back(sum / kPictures);
                      }
                      return mean_of_draws(scores, sampling_of_mean(right), 0, 0);
                    });
}

TEST(Coverage, OfDrawsFromOnePool) {
  // A draw's score is the mean of what its k samples of a pool of 40 are worth; the pool is a sample itself.
  for (const int k : {4, 16, 32})
    expect_coverage(fmt::format("20 draws of {} of a pool of 40", k), 0.6, kConservative, kRounds / 2, [&](Rng& rng) {
      std::vector<double> worth(40), scores;
      for (double& one : worth) one = 0.6 + 0.3 * rng.normal();
      for (int d = 0; d < 20; ++d) {
        rng.shuffle(worth);
        scores.push_back(std::accumulate(worth.begin(), worth.begin() + k, 0.0) / k);
      }
      return mean_of_draws(scores, {1e-8, 1000}, k / 40.0, -1);
    });
}

TEST(Coverage, OfMedians) {
  for (const int n : {6, 7, 12, 27, 100})
    expect_coverage(fmt::format("median of {}", n), 0, {0.95, 1}, kRounds, [&](Rng& rng) {
      std::vector<double> values(n);
      for (double& value : values) value = rng.normal();
      return median_of(values, "data sets");
    });
}

TEST(Coverage, OfMeansOverDataSets) {
  expect_coverage("mean of 5 data sets' rates", 0.7, kConservative, kRounds, [](Rng& rng) {
    std::vector<Interval> scores;
    for (const std::int64_t n : {30, 100, 1000, 200, 50}) scores.push_back(clopper_pearson(hits_of(rng, n, 0.7), n));
    return mean_of(scores);
  });
}

}  // namespace
}  // namespace cliplab
