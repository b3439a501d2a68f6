// Opening sets, and the seeded choice of samples.
#include "lab/sets.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"

namespace cliplab {
namespace {

bool is_grey_image(const Image& image) {
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3)
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2]) return false;
  return true;
}

}  // namespace

const SetRef& Sets::ref(const std::string& name) {
  auto known = refs_.find(name);
  if (known == refs_.end()) known = refs_.emplace(name, SetRef::parse(name)).first;
  return known->second;
}

const Dataset& Sets::open(const std::string& name, const std::string& split) {
  auto& entry = open_[name + "|" + split];
  if (!entry) entry = open_dataset(ref(name), split);
  return *entry;
}

Prompts Sets::prompts(const std::string& name) {
  return load_prompts(open(name, "test"), name, options_.text("prompts"));
}

std::int64_t Sets::limit(const std::string& split) const {
  const std::int64_t limit = options_.integer(split == "test" ? "eval.max_test" : "eval.max_train");
  const std::int64_t all = options_.integer("limit");
  return all > 0 ? std::min(limit, all) : limit;
}

std::vector<std::int64_t> Sets::rows(const std::string& name, const std::string& split) {
  const Dataset& set = open(name, split);
  std::vector<std::int64_t> rows(set.size());
  std::iota(rows.begin(), rows.end(), 0);
  const std::int64_t most = limit(split);
  if (std::ssize(rows) <= most) return rows;
  Rng rng(static_cast<std::uint64_t>(options_.integer("seed")), 0x5b5e7);
  if (const std::vector<int>& clips = set.truth().clips; !clips.empty()) {
    std::map<int, std::vector<std::int64_t>> frames;
    for (const std::int64_t row : rows) frames[std::abs(clips[row])].push_back(row);
    std::vector<int> order;
    for (const auto& [clip, own] : frames) order.push_back(clip);
    rng.shuffle(order);
    rows.clear();
    for (const int clip : order)
      if (rows.empty() || std::ssize(rows) + std::ssize(frames[clip]) <= most)
        rows.insert(rows.end(), frames[clip].begin(), frames[clip].end());
  } else {
    rng.shuffle(rows);
    rows.resize(most);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

bool Sets::is_grey(const std::string& name) {
  if (const auto known = grey_.find(name); known != grey_.end()) return known->second;
  const Dataset& first = open(name, ref(name).splits().front());
  bool grey = true;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(64, first.size()); ++i) try {
      grey = grey && is_grey_image(first.get(i).image);
    } catch (const InputError&) {  // reported where the features are made
    }
  return grey_[name] = grey;
}

}  // namespace cliplab
