// Decode, encode, keep. Pictures are decoded a chunk at a time on all cores.
#include "lab/feature_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/finite.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "pixels/preprocess.hpp"
#include "store/features.hpp"

namespace cliplab {
namespace {

namespace fs = std::filesystem;

constexpr int kEpoch = 2;             // changes when the features of an unchanged key would come out differently
constexpr std::int64_t kChunk = 512;  // pictures decoded at a time
constexpr std::int64_t kNamed = 5;    // pictures that cannot be decoded are named up to this number, then counted

/// [H, W, 3] -> a row of 28 x 28 grey or 16 x 16 RGB in [0, 1].
Matrix pixel_rows(std::span<const Image> images, bool grey) {
  const int side = grey ? 28 : 16, channels = grey ? 1 : 3;
  Matrix rows(std::ssize(images), side * side * channels);
  parallel_for(std::ssize(images), [&](std::int64_t i) {
    const Image image = clip_transform(images[i], side);
    for (int p = 0; p < side * side; ++p)
      for (int c = 0; c < channels; ++c)
        rows(i, p * channels + c) = static_cast<float>(image.pixels[3 * p + c]) / 255.0f;
  });
  return rows;
}

std::string space_name(Space space) { return space == Space::kTrunk ? "/trunk" : "/joint"; }

/// Cached features; empty, with a warning, if missing or damaged.
std::optional<StoredFeatures> cached(const fs::path& file, const std::string& key) {
  if (!fs::exists(file)) return {};
  try {
    return read_features(file, key);
  } catch (const InputError& error) {
    say(fmt::format("{}: computed again", error.what()));
    return {};
  }
}

/// Decodes samples chunk by chunk, leaves out what cannot be decoded, and hands the rest to the encoders.
class Pass {
 public:
  using Decode = std::function<Image(std::int64_t row)>;
  struct Encoder {
    std::string model;  // for messages
    std::function<Matrix(std::span<const Image>)> encode;
  };
  using Encoders = std::vector<Encoder>;
  using Key = std::function<std::string(std::int64_t row)>;

  Pass(std::string title, std::span<const std::int64_t> rows, const Decode& decode, const Key& key,
       const Encoders& encoders)
      : parts_(encoders.size()) {
    Progress progress("encode " + title, std::ssize(rows), "images");
    for (std::int64_t begin = 0; begin < std::ssize(rows); begin += kChunk) {
      if (stop_requested()) throw Interrupted("stopped while encoding " + title);
      const auto chunk = rows.subspan(begin, std::min<std::int64_t>(kChunk, std::ssize(rows) - begin));
      std::vector<Image> images(chunk.size());
      std::vector<std::string> problems(chunk.size());
      parallel_for(std::ssize(chunk), [&](std::int64_t i) {
        try {
          images[i] = decode(chunk[i]);
        } catch (const InputError& error) {
          problems[i] = error.what();
        }
      });
      std::vector<Image> good;
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        if (problems[i].empty())
          good.push_back(std::move(images[i])), kept_.push_back(chunk[i]);
        else if (++undecodable_ <= kNamed)
          say("left out: " + problems[i]);
      }
      for (std::size_t e = 0; e < encoders.size() && !good.empty(); ++e) {
        parts_[e].push_back(encoders[e].encode(good));
        if (const auto row = first_row_not_finite(parts_[e].back()))
          fail(encoders[e].model,
               fmt::format("features that are NaN or infinite in {}, first of picture {}", title,
                           key(kept_[kept_.size() - good.size() + static_cast<std::size_t>(*row)])),
               "finite numbers", "are its weights, precision and pixel statistics right?");
      }
      progress.update(begin + std::ssize(chunk));
    }
    if (undecodable_ > 0)
      say(fmt::format("{} of {} pictures of {} left out: they cannot be decoded", undecodable_, rows.size(), title));
  }

  const std::vector<std::int64_t>& kept() const { return kept_; }
  std::int64_t undecodable() const { return undecodable_; }
  Matrix features(std::size_t encoder) const {  // [kept, D]
    const std::vector<Matrix>& parts = parts_[encoder];
    Matrix all(std::ssize(kept_), parts.empty() ? 0 : parts.front().cols());
    Eigen::Index row = 0;
    for (const Matrix& part : parts) all.middleRows(row, part.rows()) = part, row += part.rows();
    return all;
  }

 private:
  std::vector<std::vector<Matrix>> parts_;  // an encoder, a chunk
  std::vector<std::int64_t> kept_;
  std::int64_t undecodable_ = 0;
};

}  // namespace

fs::path FeatureStore::file_of(const std::string& key) const {
  return folder_ / ("features-" + sha256_hex(key).substr(0, 24) + ".h5");
}

std::string FeatureStore::key_of(const std::string& encoder, const std::string& rest) const {
  return fmt::format("{}|on {}|{}|epoch {}", encoder, options_.text("model.device"), rest, kEpoch);
}

FeatureSet FeatureStore::extract(const std::string& encoder, const std::string& description, const std::string& name,
                                 const std::string& split, const Encode& encode) {
  const Dataset& data = sets_.open(name, split);
  const std::vector<std::int64_t> rows = sets_.rows(name, split);
  FeatureSet set;
  set.encoder = encoder, set.split = split, set.description = description;
  const bool all = std::ssize(rows) == data.size();
  set.id = key_of(encoder, fmt::format("{}|{} of {} seed {}", data.id(), rows.size(), data.size(),
                                       all ? 0 : options_.integer("seed")));
  const fs::path file = file_of(set.id);
  std::optional<StoredFeatures> stored = cached(file, set.id);
  if (!stored) {
    const Pass pass(
        fmt::format("{}/{} by {}", name, split, description), rows,
        [&](std::int64_t row) { return data.get(row).image; }, [&](std::int64_t row) { return data.key(row); },
        {{description, encode}});
    if (pass.kept().empty())
      fail(data.id(), "no picture that can be decoded", "at least one", "./cliplab data verify " + name);
    stored = StoredFeatures{pass.features(0), data.truth().rows(pass.kept()), pass.kept(), pass.undecodable()};
    write_features(file, set.id, *stored);
  }
  set.x = std::move(stored->x), set.truth = std::move(stored->truth), set.rows = std::move(stored->rows);
  undecodable_[name + "|" + split] = set.undecodable = stored->undecodable;
  if (const auto held = data.validation(); !held.empty())
    for (const std::int64_t row : set.rows) set.validation.push_back(held[row]);
  for (const std::vector<RoundRole>& roles : data.rounds()) {
    set.rounds.emplace_back();
    for (const std::int64_t row : set.rows) set.rounds.back().push_back(roles[row]);
  }
  return set;
}

const FeatureSet& FeatureStore::features(ImageModel& model, const std::string& name, const std::string& split,
                                         Space space) {
  const std::string encoder = model.image().id() + space_name(space);
  FeatureSet& set = known_[encoder + "|" + name + "|" + split];
  if (set.id.empty())
    set = extract(encoder, model.info().name, name, split,
                  [&](std::span<const Image> images) { return model.image().encode(images, space); });
  return set;
}

const FeatureSet& FeatureStore::raw_pixels(const std::string& name, const std::string& split, const std::string& with) {
  const bool grey = sets_.is_grey(name) && (with.empty() || sets_.is_grey(with));
  const std::string encoder = grey ? "raw-pixels-28-grey" : "raw-pixels-16-rgb";
  FeatureSet& set = known_[encoder + "|" + name + "|" + split];
  if (set.id.empty())
    set = extract(encoder, "raw-pixels", name, split,
                  [&](std::span<const Image> images) { return pixel_rows(images, grey); });
  return set;
}

PairFeatures FeatureStore::pairs(const std::string& name, const std::string& split, std::int64_t most,
                                 const Wanted& wanted, const Check& check) {
  const auto set = sets_.pairs(name, split);
  std::vector<std::int64_t> rows(std::min(set->size(), most));
  for (std::int64_t i = 0; i < std::ssize(rows); ++i) rows[i] = i;
  if (check)
    for (const std::int64_t row : rows) check(set->captions(row), set->id() + ": " + set->key(row));

  std::vector<std::string> keys;
  std::vector<std::optional<StoredFeatures>> stored;
  std::vector<std::size_t> missing;
  Pass::Encoders encoders;
  for (const auto& [model, space] : wanted) {
    keys.push_back(key_of(model->image().id() + space_name(space), fmt::format("{}|first {}", set->id(), rows.size())));
    stored.push_back(cached(file_of(keys.back()), keys.back()));
    if (stored.back()) continue;
    missing.push_back(stored.size() - 1);
    encoders.push_back({model->info().name, [model = model, space = space](std::span<const Image> images) {
                          return model->image().encode(images, space);
                        }});
  }
  if (!missing.empty()) {
    const Pass pass(
        set->id(), rows, [&](std::int64_t row) { return set->get(row).image; },
        [&](std::int64_t row) { return set->key(row); }, encoders);
    if (pass.kept().empty())
      fail(set->id(), "no picture that can be decoded", "at least one", "./cliplab data verify " + name);
    for (std::size_t m = 0; m < missing.size(); ++m) {
      auto& entry = stored[missing[m]] = StoredFeatures{pass.features(m), {}, pass.kept(), pass.undecodable()};
      write_features(file_of(keys[missing[m]]), keys[missing[m]], *entry);
    }
  }
  PairFeatures result;
  result.id = set->id();
  for (auto& entry : stored) result.features.push_back(std::move(entry->x));
  if (!stored.empty()) {
    rows = stored.front()->rows;
    for (const std::string& known : {name, sets_.ref(name).title()})  // records use either
      undecodable_[known + "|" + split] = stored.front()->undecodable;
  }
  for (const std::int64_t row : rows)
    result.keys.push_back(set->key(row)), result.captions.push_back(set->captions(row));
  return result;
}

std::int64_t FeatureStore::undecodable(const std::string& set, const std::string& split) const {
  const auto known = undecodable_.find(set + "|" + split);
  return known == undecodable_.end() ? 0 : known->second;
}

}  // namespace cliplab
