// Zero-shot retrieval of captions and pictures (paper section 3.1 and appendix E.1, Table 13).
#include <algorithm>

#include "corpora/corpus.hpp"
#include "eval/retrieval.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

class Retrieval : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_list("retrieval.sets", {"drawings"},
                     "sets of captioned pictures: corpora of pairs, or folders in the data root");
    options.add_text("retrieval.split", "test", "which part of them; the corpus of drawings has train and val");
    options.add_text("retrieval.prefix", "a photo of", "words before each caption (Table 13's note)");
    options.add_integer("retrieval.captions", 5, 1, 1000,
                        "captions of a picture, at most: some of COCO's have more than five");
  }

  void run(Lab& lab) const override {
    const Options& options = lab.options();
    for (const std::string& name : options.list("retrieval.sets")) {
      const auto set = open_pair_corpus(name, options.text("retrieval.split"));
      const std::int64_t pictures = std::min(set->size(), options.integer("eval.max_test"));
      const auto ranks =
          caption_ranks(lab, *set, pictures, options.integer("retrieval.captions"), options.text("retrieval.prefix"));
      for (std::size_t m = 0; m < ranks.size(); ++m) record(lab, *lab.models()[m], *set, name, ranks[m]);
    }
  }

 private:
  static void record(Lab& lab, ClipModel& model, const PairCorpus& set, const std::string& name,
                     const RetrievalRanks& ranks) {
    const std::string& split = lab.options().text("retrieval.split");
    for (const int k : {1, 5, 10}) {
      const std::string metric = "recall" + std::to_string(k);
      const std::string& encoder = model.info().name;
      lab.record({name, split, encoder, "zero-shot", metric, {{"direction", "image-to-text"}}},
                 top_k(ranks.text_of_image, k));
      lab.record({name, split, encoder, "zero-shot", metric, {{"direction", "text-to-image"}}},
                 top_k(ranks.image_of_text, k));
      const double chance = std::min(1.0, k / static_cast<double>(ranks.text_of_image.size()));
      lab.record({name, split, "chance", "floor", metric, {{"direction", "text-to-image"}}},
                 {chance, chance, chance, set.size()});
    }
  }
};

CLIPLAB_REGISTER_EXPERIMENT(Retrieval, "retrieval", "section 3.1, Table 13",
                            "Does a caption find its picture, and a picture its caption?");

}  // namespace
}  // namespace cliplab
