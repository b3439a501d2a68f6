// Reading (paper appendix E.2, Table 14): digits, rendered sentences and memes as data sets with classes; words in
// scenes by the right one among those that are offered with a picture. DEVIATION(E.2): the paper's prompts for words
// are not published; here ocr.template.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

/// Pictures of words: which word each shows, and among which it is looked for.
struct Words {
  std::vector<std::string> words;         // [W] each once
  std::vector<std::vector<int>> offered;  // [N] places in `words`, the right one first
};

class Ocr : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("ocr.datasets", {}, Role::kTrainAndTest, "data sets with a train and a test split",
                     {.fallback = "eval.datasets"});
    options.add_sets("ocr.sets", {}, Role::kPairs,
                     "folders of the data root with pictures of words: the first caption is the word shown, further "
                     "ones are the lexicon of this picture; without them all words of the set are offered",
                     {.split_keys = {"ocr.split"}});
    options.add_text("ocr.split", "test", "which part of them");
    options.add_text("ocr.template", "a photo of the text \"{}\".", "the sentence around a word");
  }

  void run(Lab& lab) const override {
    lab.for_each(lab.sets("ocr.datasets"), [&](const std::string& name) { record_data_set(lab, name); });
    lab.for_each(lab.sets("ocr.sets"), [&](const std::string& name) { read_words(lab, name); });
  }

 private:
  static Words words_of(const std::vector<std::vector<std::string>>& captions) {
    Words all;
    std::map<std::string, int> places;
    for (const auto& of_picture : captions) {
      std::vector<int> offered;
      for (const std::string& word : of_picture) {
        const auto [at, is_new] = places.emplace(word, static_cast<int>(all.words.size()));
        if (is_new) all.words.push_back(word);
        if (std::find(offered.begin(), offered.end(), at->second) == offered.end()) offered.push_back(at->second);
      }
      all.offered.push_back(std::move(offered));
    }
    return all;
  }

  static void read_words(Lab& lab, const std::string& name) {
    const Options& options = lab.options();
    const auto [id, keys, captions, features] =
        lab.pair_features(name, options.text("ocr.split"), lab.limit("test"), lab.joint());
    const Words all = words_of(captions);
    const std::string title = lab.title(name);
    double chance = 0;
    for (std::size_t m = 0; m < features.size(); ++m) {
      ClipModel& model = *lab.models()[m];
      const Matrix logits = label_logits(model, all.words, options.text("ocr.template"), features[m]);  // [N, W]
      std::vector<int> ranks;
      MatrixD table(logits.rows(), 2);
      chance = 0;
      for (Eigen::Index i = 0; i < logits.rows(); ++i) {
        std::vector<int> others(all.offered[i].begin() + 1, all.offered[i].end());
        if (captions[i].size() == 1)
          for (int w = 0; w < std::ssize(all.words); ++w)
            if (w != all.offered[i][0]) others.push_back(w);
        int rank = 0;  // ties count against the right word
        for (const int other : others) rank += logits(i, other) >= logits(i, all.offered[i][0]);
        ranks.push_back(rank);
        table.row(i) << rank, static_cast<double>(others.size() + 1);
        chance += 1 / static_cast<double>(others.size() + 1) / static_cast<double>(logits.rows());
      }
      lab.record({title, options.text("ocr.split"), model.info().name, "zero-shot", "top1"}, top_k(ranks, 1));
      lab.array({"words/" + name + "/" + model.info().name,
                 {"rank", "offered"},
                 table,
                 array_params("words", title, model.info().name)});
    }
    lab.record({title, options.text("ocr.split"), "chance", "floor", "top1"},
               {chance, chance, chance, std::ssize(captions)});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(Ocr, "ocr", "appendix E.2, Table 14",
                            "Does the model read: digits, words in scenes, rendered sentences, memes?");

}  // namespace
}  // namespace cliplab
