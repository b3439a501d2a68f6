// A project root with small sets of red, green and blue pictures, the options of a run, and a lab over fake models.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/experiment.hpp"
#include "lab/fake_models.hpp"
#include "lab/run_options.hpp"
#include "sets/published.hpp"
#include "sets/twins.hpp"

namespace cliplab {

class LabTest : public TwinTest {
 protected:
  LabTest() {
    use_data_root(sets);
    overwrite(root / "experiments/empty.cfg", "");
  }
  ~LabTest() override { use_data_root(""); }

  /// A picture mostly of colour c (0 red, 1 green, 2 blue); `shade` makes pictures differ.
  static std::string coloured(int c, int shade) {
    Image image = Image::make(8, 8, 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      image.pixels[i] = static_cast<std::uint8_t>(i % 3 == static_cast<std::size_t>(c) ? 200 + shade % 50 : shade % 90);
    return encode_png(image);
  }

  /// split/colour/picture, so many pictures a class in each split.
  void write_colours(const std::string& name, const std::vector<std::string>& splits, int per_class) const {
    int shade = 0;
    for (const std::string& split : splits)
      for (int c = 0; c < 3; ++c)
        for (int i = 0; i < per_class; ++i, ++shade)
          write(name + "/" + split + "/" + kColours[c] + "/" + std::to_string(shade) + ".png", coloured(c, shade));
  }

  /// captions.tsv with two pictures of each colour in every split.
  void write_captions(const std::string& name, const std::vector<std::string>& splits) const {
    std::string table = "path\tsplit\tcaption_no\tcaption\n";
    int shade = 0;
    for (const std::string& split : splits)
      for (int i = 0; i < 6; ++i, ++shade) {
        const std::string file = std::to_string(shade) + ".png";
        write(name + "/" + file, coloured(i % 3, 7 * shade));
        table += file + "\t" + split + "\t0\ta " + kColours[i % 3] + " thing\n";
      }
    write(name + "/captions.tsv", table);
  }

  /// The options of a run of `studies` on a fake model, and more words of the command line.
  Options options_of(const std::string& studies, std::vector<std::string> words = {}) const {
    overwrite(root / "model.fake", "fake");
    words.insert(words.end(), {"--studies=" + studies, "--model.files=" + (root / "model.fake").string(),
                               "--data-root=" + sets.string()});
    return read_options(root / "experiments/empty.cfg", words);
  }

  /// What a study records over a fake model; `options` and `plan` outlive the call.
  Results run_study(const std::string& study, const Options& options, Plan& plan) const {
    plan.settle(options.text("data.absent") == "leave-out");
    Models::ClipModels models;
    models.push_back(std::make_unique<FakeClip>("fake"));
    Lab lab(options, plan, root / "results/features", Models(options, std::move(models)));
    find_experiment(study).experiment->run(lab);
    return lab.recorder().results();
  }
  Results run_study(const std::string& study, const std::vector<std::string>& words) const {
    const Options options = options_of(study, words);
    Plan plan(options);
    return run_study(study, options, plan);
  }

  static std::vector<Record> records_of(const Results& results, const std::string& method, const std::string& metric) {
    std::vector<Record> found;
    for (const Record& record : results.records)
      if (record.method == method && record.metric == metric) found.push_back(record);
    return found;
  }

  inline static const std::vector<std::string> kColours{"red", "green", "blue"};
};

}  // namespace cliplab
