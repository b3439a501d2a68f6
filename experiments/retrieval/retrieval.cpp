// Zero-shot retrieval of captions and pictures (paper section 3.1 and appendix E.1, Table 13).
#include <algorithm>

#include "eval/retrieval.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class Retrieval : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("retrieval.sets", {"drawings"}, Role::kPairs,
                     "sets of captioned pictures: built ones, or folders in the data root",
                     {.split_keys = {"retrieval.split"}});
    options.add_text("retrieval.split", "test", "which part of them; the corpus of drawings has train and val");
    options.add_text("retrieval.prefix", "a photo of", "words before each caption (Table 13's note)");
    options.add_integer("retrieval.captions", 5, 1, 1000,
                        "captions of a picture, at most: some of COCO's have more than five");
  }

  void run(Lab& lab) const override {
    const Options& options = lab.options();
    lab.for_each(lab.sets("retrieval.sets"), [&](const std::string& name) {
      const auto ranks = caption_ranks(lab, name, options.text("retrieval.split"),
                                       options.integer("retrieval.captions"), options.text("retrieval.prefix"));
      for (std::size_t m = 0; m < ranks.size(); ++m) record(lab, *lab.models()[m], name, ranks[m]);
    });
  }

 private:
  static std::vector<char> within(const std::vector<int>& ranks, int k) {
    std::vector<char> right;
    for (const int rank : ranks) right.push_back(rank < k);
    return right;
  }

  /// The ranks behind the recalls, with the picture that each is of.
  static void keep(Lab& lab, const std::string& name, const std::string& model, const RetrievalRanks& ranks) {
    const auto add = [&](const std::string& direction, const std::vector<int>& own, const auto& picture_of) {
      MatrixD table(std::ssize(own), 2);
      for (Eigen::Index i = 0; i < table.rows(); ++i) table.row(i) << picture_of(i), own[i];
      lab.array({"ranks/" + name + "/" + model + "/" + direction,
                 {"picture", "rank"},
                 table,
                 array_params("ranks", name, model, {{"direction", direction}})});
    };
    add("image-to-text", ranks.text_of_image, [](Eigen::Index i) { return static_cast<double>(i); });
    add("text-to-image", ranks.image_of_text,
        [&](Eigen::Index i) { return static_cast<double>(ranks.owner[static_cast<std::size_t>(i)]); });
  }

  static void record(Lab& lab, ClipModel& model, const std::string& name, const RetrievalRanks& ranks) {
    const std::string& split = lab.options().text("retrieval.split");
    const auto pictures = std::ssize(ranks.text_of_image);
    const std::int64_t in_set = lab.pairs(name, split)->size();
    for (const int k : {1, 5, 10}) {
      const std::string metric = "recall" + std::to_string(k);
      const std::string& encoder = model.info().name;
      lab.record({name, split, encoder, "zero-shot", metric, {{"direction", "image-to-text"}}},
                 top_k(ranks.text_of_image, k));
      lab.record({name, split, encoder, "zero-shot", metric, {{"direction", "text-to-image"}}},
                 clustered_rate(within(ranks.image_of_text, k), ranks.owner, "pictures"));
      const double chance = std::min(1.0, k / static_cast<double>(pictures));
      lab.record({name, split, "chance", "floor", metric, {{"direction", "text-to-image"}}}, point(chance, in_set));
    }
    keep(lab, name, model.info().name, ranks);
  }
};

CLIPLAB_REGISTER_EXPERIMENT(Retrieval, "retrieval", "section 3.1, Table 13",
                            "Does a caption find its picture, and a picture its caption?");

}  // namespace
}  // namespace cliplab
