// Decoding, shuffling and drawing of training pairs.
#include "train/batches.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "base/rng.hpp"
#include "sets/shard_samples.hpp"

namespace cliplab {

BatchSource::BatchSource(const PairCorpus& corpus, int resolution, int context_length, std::int64_t batch,
                         std::uint64_t seed, Augment augment, const TextTokenizer& tokenizer)
    : resolution_(resolution), batch_(batch), seed_(seed) {
  const std::int64_t total = corpus.size();
  std::vector<Picture> pictures(total);
  std::vector<std::vector<std::vector<std::int32_t>>> captions(total);
  std::vector<std::string> keys(total), problems(total);
  std::atomic<std::int64_t> bad_captions = 0;
  {
    Progress progress("decode " + corpus.id(), total, "pairs");
    parallel_for(total, [&](std::int64_t i) {
      if (stop_requested()) throw Interrupted("stopped while decoding the training pairs");
      try {
        const Pair pair = corpus.get(i);
        pictures[i] = stored_picture(pair.image, resolution_ + resolution_ / 8, augment);
        std::string fault;
        for (const std::string& caption : pair.captions)
          if (const std::string wrong = caption_fault(caption); wrong.empty())
            captions[i].push_back(tokenizer.encode(caption, context_length, TooLong::kCut));
          else
            fault = wrong, ++bad_captions;
        keys[i] = pair.key;
        if (captions[i].empty())
          problems[i] = pair.key + (fault.empty() ? ": no caption" : ": no caption but one that is " + fault);
      } catch (const InputError& error) {
        problems[i] = error.what();
      }
      progress.advance();
    });
  }
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < total; ++i) {
    if (!problems[i].empty()) {
      if (++bad <= 5) say("left out: " + problems[i]);
      continue;
    }
    pictures_.push_back(std::move(pictures[i]));
    captions_.push_back(std::move(captions[i]));
    keys_.push_back(std::move(keys[i]));
  }
  if (bad_captions > 0)
    say(std::to_string(bad_captions) + " captions of " + corpus.id() + " left out: blank or not UTF-8");
  if (bad > 0) say(std::to_string(bad) + " of " + std::to_string(total) + " pairs of " + corpus.id() + " left out");
  if (size() < batch)
    fail(corpus.id(), std::to_string(size()) + " readable pairs", "at least one batch of " + std::to_string(batch),
         "use a smaller train.batch");
}

std::vector<std::int64_t> BatchSource::order(std::int64_t epoch) const {
  std::vector<std::int64_t> order(size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed_, 0x5eed0000ull + static_cast<std::uint64_t>(epoch));
  rng.shuffle(order);
  return order;
}

Batch BatchSource::make(std::int64_t step, Augment augment, Part part) const {
  const std::int64_t per_epoch = size() / batch_;
  const std::vector<std::int64_t> order = this->order(step / per_epoch);
  const std::int64_t begin = batch_ * part.rank / part.ranks, count = batch_ * (part.rank + 1) / part.ranks - begin;
  const auto first = order.begin() + (step % per_epoch) * batch_ + begin;
  Batch batch;
  batch.pairs.assign(first, first + count);
  const std::size_t area = static_cast<std::size_t>(resolution_) * resolution_ * 3;
  batch.pixels.resize(count * area);
  batch.tokens.resize(count);
  parallel_for(count, [&](std::int64_t i) {
    Rng rng(seed_ ^ 0xba7c4, static_cast<std::uint64_t>(step) * 65536 + static_cast<std::uint64_t>(begin + i));
    const auto& choices = captions_[batch.pairs[i]];
    batch.tokens[i] = choices[augment == Augment::kNone ? 0 : rng.below(choices.size())];
    const Picture& picture = pictures_[batch.pairs[i]];
    draw_view(picture, choose_view(augment, picture, resolution_, rng), resolution_, batch.pixels.data() + i * area);
  });
  return batch;
}

void drop_words(std::vector<std::vector<std::int32_t>>& captions, double share, std::uint64_t seed, std::int64_t step,
                std::int64_t first) {
  if (share <= 0) return;
  for (std::int64_t i = 0; i < std::ssize(captions); ++i) {
    Rng rng(seed ^ 0xd409, static_cast<std::uint64_t>(step) * 65536 + static_cast<std::uint64_t>(first + i));
    std::vector<std::int32_t> kept;
    for (std::size_t t = 0; t < captions[i].size(); ++t)
      if (t == 0 || t + 1 == captions[i].size() || rng.uniform() >= share) kept.push_back(captions[i][t]);
    captions[i] = std::move(kept);
  }
}

}  // namespace cliplab
