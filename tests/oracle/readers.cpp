// What the readers of data sets give, as a line of JSON for each input: one process answers for many of them.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/prompt_template.hpp"
#include "oracle.hpp"
#include "sets/delimited.hpp"
#include "sets/loader.hpp"
#include "sets/set_ref.hpp"

namespace cliplab::oracle {
namespace {

using nlohmann::json;

/// "HEIGHT WIDTH SHA-256" of the RGB pixels.
std::string pixels_of(const Image& image) {
  std::string rgb;
  for (std::size_t i = 0; i < image.size(); i += static_cast<std::size_t>(image.channels))
    rgb.append(reinterpret_cast<const char*>(image.pixels.data()) + i, 3);
  return fmt::format("{} {} {}", image.height, image.width, sha256_hex(rgb));
}

template <class Get>
std::string pixels_or_error(Get get) {
  try {
    return pixels_of(get());
  } catch (const InputError& error) {
    return std::string("error: ") + error.what();
  }
}

/// Every split with its samples; the prompts of a set with classes.
json read_set(const std::string& name) {
  const SetRef set = SetRef::parse(name);
  json answer{{"splits", json::object()}};
  for (const std::string& split : set.splits()) {
    json& samples = answer["splits"][split] = json::array();
    if (set.has_captions()) {
      const auto pairs = open_pairs(set, split);
      for (std::int64_t i = 0; i < pairs->size(); ++i)
        samples.push_back({{"key", pairs->key(i)}, {"captions", pairs->captions(i)}, {"pixels", pixels_or_error([&] {
                                                                                        return pairs->get(i).image;
                                                                                      })}});
      continue;
    }
    const auto dataset = open_dataset(set, split);
    const Truth& truth = dataset->truth();
    for (std::int64_t i = 0; i < dataset->size(); ++i) {
      samples.push_back({{"key", dataset->key(i)},
                         {"label", truth.labels[i]},
                         {"class", dataset->class_names()[truth.labels[i]]},
                         {"pixels", pixels_or_error([&] { return dataset->get(i).image; })}});
      for (int c = 0; truth.several_labels() && c < truth.num_classes; ++c)
        samples.back()["targets"].push_back(static_cast<int>(truth.targets[i * truth.num_classes + c]));
    }
    const Prompts prompts = dataset->own_prompts();
    answer["prompts"] = json::array();
    for (const auto& names : prompts.class_names) {
      json filled = json::array();
      for (const std::string& text : prompts.templates) filled.push_back(fill_template(text, names.at(0)));
      answer["prompts"].push_back(std::move(filled));
    }
  }
  return answer;
}

/// One pass of the training loader in the shards' own order.
json read_stream(const std::string& pattern) {
  LoaderOptions options;
  options.shards = expand_shards(pattern);
  options.buffer = 1, options.shuffle_shards = false;
  options.view = [](const Image& image, std::int64_t) { return image; };
  need_captions(options.shards);
  json samples = json::array();
  Loader loader(options);
  for (std::vector<LoadedSample> batch; loader.next(batch);)
    for (const LoadedSample& sample : batch)
      samples.push_back({{"key", sample.key}, {"text", sample.text}, {"pixels", pixels_of(sample.image)}});
  return {{"samples", samples}, {"bad", loader.bad()}};
}

json read_table(const std::string& file) {
  const std::string text = read_text(file);
  DelimitedReader reader(text, separator_of(text), file);
  json rows = json::array();
  for (std::vector<std::string> fields; reader.next(fields);) rows.push_back(fields);
  return {{"rows", rows}};
}

json answer_to(const std::string& word) try {
  const auto colon = word.find(':');
  const std::string kind = word.substr(0, colon), name = colon == std::string::npos ? "" : word.substr(colon + 1);
  if (kind == "set") return read_set(name);
  if (kind == "stream") return read_stream(name);
  if (kind == "table") return read_table(name);
  fail("cliplab_oracle", "'" + word + "'", "set:NAME, stream:SHARDS or table:FILE");
} catch (const InputError& error) {
  return {{"error", error.what()}};
}

}  // namespace

/// For each word a line of JSON.
void readers(Words words) {
  for (const std::string& word : words)
    std::cout << answer_to(word).dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
}

}  // namespace cliplab::oracle
