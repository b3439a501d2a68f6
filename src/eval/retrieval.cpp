// Scores are computed for a block of rows at a time: 5,000 pictures with 25,000 captions would be half a gigabyte at
// once.
#include "eval/retrieval.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "base/finite.hpp"
#include "base/parallel.hpp"

namespace cliplab {
namespace {

constexpr Eigen::Index kQueries = 256;

/// Calls visit(row, its scores [columns]) for each row of queries * keys^T.
template <class Visit>
void for_each_row(const Matrix& queries, const Matrix& keys, const Visit& visit) {
  const Eigen::Index blocks = (queries.rows() + kQueries - 1) / kQueries;
  parallel_for(blocks, [&](std::int64_t block) {
    const Eigen::Index begin = block * kQueries, count = std::min(kQueries, queries.rows() - begin);
    const Matrix scores = queries.middleRows(begin, count) * keys.transpose();  // [B,D] [K,D] -> [B,K]
    for (Eigen::Index i = 0; i < count; ++i) visit(begin + i, scores.row(i));
  });
}

template <class Scores>
int rank_of(const Scores& scores, Eigen::Index own) {
  int rank = 0;
  for (Eigen::Index k = 0; k < scores.size(); ++k)
    rank += scores[k] > scores[own] || (scores[k] == scores[own] && k < own);
  return rank;
}

}  // namespace

RetrievalRanks retrieval_ranks(const Matrix& images, const Matrix& texts, std::span<const int> owner) {
  if (texts.rows() != std::ssize(owner) || images.cols() != texts.cols())
    fail("retrieval", std::to_string(owner.size()) + " owners of " + std::to_string(texts.rows()) + " captions",
         "one each, and features of one width");
  need_finite("retrieval: features of pictures", images);
  need_finite("retrieval: features of captions", texts);
  std::vector<std::vector<Eigen::Index>> captions(images.rows());
  for (std::size_t t = 0; t < owner.size(); ++t) {
    if (owner[t] < 0 || owner[t] >= images.rows())
      fail("retrieval", "caption of picture " + std::to_string(owner[t]), "one of " + std::to_string(images.rows()));
    captions[owner[t]].push_back(static_cast<Eigen::Index>(t));
  }
  for (const auto& own : captions)
    if (own.empty()) fail("retrieval", "a picture without a caption", "at least one each");
  RetrievalRanks ranks{std::vector<int>(images.rows()), std::vector<int>(texts.rows()), {owner.begin(), owner.end()}};
  for_each_row(images, texts, [&](Eigen::Index i, const auto& scores) {
    Eigen::Index best = captions[i].front();  // the own caption that is found first decides
    for (const Eigen::Index t : captions[i])
      if (scores[t] > scores[best]) best = t;
    ranks.text_of_image[i] = rank_of(scores, best);
  });
  for_each_row(texts, images,
               [&](Eigen::Index t, const auto& scores) { ranks.image_of_text[t] = rank_of(scores, owner[t]); });
  return ranks;
}

}  // namespace cliplab
