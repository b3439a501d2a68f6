// Which classes are hard: zero-shot, one and two pictures a class, for CLIP and for people (paper section 4, Table 2,
// Figure 16). The paper's answers of five people on Oxford-IIIT Pets are not published: a file of answers is the user's
// own.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

const std::vector<std::string> kShots{"zero-shot", "one-shot", "two-shot"};

/// One person's answer about one picture; answer -1: "I don't know".
struct Answer {
  std::string person, picture;
  int label = 0, answer = 0;
};

/// Lines "person, shots, picture, class, answer" with tabs between; by shots.
std::vector<std::vector<Answer>> read_answers(const std::string& file, std::span<const std::string> classes) {
  std::istringstream text(read_file(named_file(file)));
  std::vector<std::vector<Answer>> answers(kShots.size());
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number == 1 && line == "person\tshots\tpicture\tclass\tanswer") continue;
    const std::string where = fmt::format("{}:{}", file, number);
    std::vector<std::string> parts;
    std::istringstream fields(line);
    for (std::string part; std::getline(fields, part, '\t');) parts.push_back(part);
    if (number == 1 || parts.size() != 5)
      fail(where, fmt::format("'{}'", line.substr(0, 80)),
           number == 1 ? "person, shots, picture, class, answer with tabs between" : "five fields with tabs between");
    const auto place = [&](const std::string& name) {
      const auto at = std::find(classes.begin(), classes.end(), name);
      if (at == classes.end())
        fail(where, "class '" + name + "'",
             "one of " + joined(std::vector<std::string>(classes.begin(), classes.end())) + ", or ? as an answer");
      return static_cast<int>(at - classes.begin());
    };
    if (parts[1] != "0" && parts[1] != "1" && parts[1] != "2") fail(where, "shots '" + parts[1] + "'", "0, 1 or 2");
    answers[parts[1][0] - '0'].push_back({parts[0], parts[2], place(parts[3]), parts[4] == "?" ? -1 : place(parts[4])});
  }
  return answers;
}

/// Table 2's majority vote: the most frequent answer to a picture, "don't know" being one; pictures with a tie are left
/// out.
Interval majority_vote(const std::vector<Answer>& answers) {
  std::map<std::string, std::pair<int, std::map<int, int>>> pictures;
  for (const Answer& one : answers) pictures[one.picture].first = one.label, ++pictures[one.picture].second[one.answer];
  std::int64_t right = 0, all = 0;
  for (const auto& [picture, votes] : pictures) {
    const auto best = std::max_element(votes.second.begin(), votes.second.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (std::count_if(votes.second.begin(), votes.second.end(),
                      [&](const auto& vote) { return vote.second == best->second; }) > 1)
      continue;
    right += best->first == votes.first, ++all;
  }
  return clopper_pearson(right, all);
}

/// The share of right answers. Answers of one person are alike, and so are those about one picture.
Interval share_right(const std::vector<Answer>& answers) {
  if (answers.empty()) return clopper_pearson(0, 0);
  std::map<std::string, int> people, pictures;
  std::vector<int> person, picture;
  std::vector<char> right;
  for (const Answer& one : answers) {
    person.push_back(people.try_emplace(one.person, static_cast<int>(people.size())).first->second);
    picture.push_back(pictures.try_emplace(one.picture, static_cast<int>(pictures.size())).first->second);
    right.push_back(one.answer == one.label);
  }
  return clustered_rate(right, person, picture, "people, pictures");
}

/// Pearson's r of two columns, a row a class; 0 where one does not vary.
Interval correlation(const VectorD& x, const VectorD& y) {
  const VectorD a = x.array() - x.mean(), b = y.array() - y.mean();
  const double spread = a.squaredNorm() * b.squaredNorm(), rows = static_cast<double>(x.size());
  return correlation_interval(spread > 1e-12 * rows * rows ? a.dot(b) / std::sqrt(spread) : 0, x.size(), "classes");
}

class HumanComparison : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("human_comparison.datasets", {}, Role::kTrainAndTest, "data sets with one label a picture",
                     {.fallback = "eval.datasets", .one_label = true});
    options.add_integer("human_comparison.draws", 20, 1, 1000, "draws of one and of two pictures a class");
    options.add_file(
        "human_comparison.answers",
        "file of people's answers: person, shots (0 to 2), picture, class, answer (? for 'I don't know'), tabs "
        "between, with that header; of the one data set");
  }

  void run(Lab& lab) const override {
    const auto datasets = lab.sets("human_comparison.datasets");
    const std::string& file = lab.options().text("human_comparison.answers");
    if (!file.empty() && datasets.size() != 1)
      fail("human_comparison.answers", std::to_string(datasets.size()) + " data sets", "the one that they are about",
           "--human_comparison.datasets NAME");
    lab.for_each(datasets, [&](const std::string& name) {
      lab.record({name, "test", "majority-class", "floor", "top1"}, lab.majority(name));
      const MatrixD people =
          file.empty() ? MatrixD() : people_of(lab, name, read_answers(file, lab.dataset(name, "test").class_names()));
      for (const auto& model : lab.models()) measure(lab, *model, name, people);
    });
  }

 private:
  /// [C, 3] share of right answers by class; records Table 2's four columns a row.
  static MatrixD people_of(Lab& lab, const std::string& name, const std::vector<std::vector<Answer>>& answers) {
    const auto C = std::ssize(lab.dataset(name, "test").class_names());
    MatrixD by_class = MatrixD::Zero(C, std::ssize(kShots));
    for (std::size_t s = 0; s < kShots.size(); ++s) {
      if (answers[s].empty()) continue;
      std::vector<Answer> guesses;
      VectorD asked = VectorD::Zero(C);
      for (const Answer& one : answers[s]) {
        if (one.answer >= 0) guesses.push_back(one);
        asked(one.label) += 1, by_class(one.label, s) += one.answer == one.label;
      }
      by_class.col(s) = by_class.col(s).array() / asked.array().max(1);
      const auto add = [&](const Params& params, const Interval& value) {
        lab.record({name, "test", "human", kShots[s], "top1", params}, value);
      };
      add({}, share_right(answers[s]));
      add({{"vote", "majority"}}, majority_vote(answers[s]));
      add({{"answers", "guesses"}}, share_right(guesses));
      add({{"vote", "majority"}, {"answers", "guesses"}}, majority_vote(guesses));
    }
    lab.array({"classes/" + name + "/human", kShots, by_class, array_params("classes", name, "human")});
    return by_class;
  }

  static void measure(Lab& lab, ClipModel& model, const std::string& name, const MatrixD& people) {
    const Outcome words = lab.zero_shot(model, name);
    record_scores(lab, {name, "test", model.info().name, "zero-shot", ""}, words);
    const Eigen::Index C = words.logits.cols();
    VectorD seen = VectorD::Zero(C);
    MatrixD by_class = MatrixD::Zero(C, std::ssize(kShots));
    for (std::size_t i = 0; i < words.truth.labels.size(); ++i)
      seen(words.truth.labels[i]) += 1, by_class(words.truth.labels[i], 0) += words.ranks[i] == 0;
    FewShotOptions options{.shots = {1, 2}, .draws = static_cast<int>(lab.options().integer("human_comparison.draws"))};
    const auto [points, drawn, shared] = few_shot_draws(lab, model, name, Space::kTrunk, options);
    for (const FewShotPoint& point : points)
      for (std::size_t i = 0; i < words.truth.labels.size(); ++i)
        by_class(words.truth.labels[i], point.shots) += (point.ranks[i] == 0) / static_cast<double>(options.draws);
    for (int s : {0, 1, 2}) by_class.col(s) = by_class.col(s).array() / seen.array().max(1);
    const std::string& who = model.info().name;
    lab.array({"classes/" + name + "/" + who, kShots, by_class, array_params("classes", name, who)});
    for (std::size_t i = 0; i < drawn.size(); ++i)
      lab.record({name, "test", who, "few-shot", "top1", {{"shots", std::to_string(drawn[i])}, {"start", "zero"}}},
                 over_draws(points, drawn[i], "accuracy", words.truth, shared[i]));
    const auto hard = [&](const VectorD& other, const std::string& whose, const std::string& method) {
      lab.record({name, "test", who, "fit", "r", {{"x", "zero-shot"}, {"y", method}, {"y_model", whose}}},
                 correlation(by_class.col(0), other));
    };
    for (const int shots : drawn) hard(by_class.col(shots), who, kShots[shots]);
    for (Eigen::Index s = 0; s < people.cols(); ++s)
      if (people.col(s).any()) hard(people.col(s), "human", kShots[s]);
  }
};

CLIPLAB_REGISTER_EXPERIMENT(HumanComparison, "human_comparison", "section 4, Table 2, Figure 16",
                            "Are the classes that are hard for people hard for CLIP?");

}  // namespace
}  // namespace cliplab
