// Image-text retrieval (paper section 3.1 / Table 13): which caption for a picture, which picture for a caption.
#pragma once

#include <span>
#include <vector>

#include "base/matrix.hpp"

namespace cliplab {

struct RetrievalRanks {
  std::vector<int> text_of_image;  // [N] the best rank among all captions of any of the picture's own; 0 is the first
  std::vector<int> image_of_text;  // [T] rank of the caption's picture among all pictures
  std::vector<int> owner;          // [T] the picture of each caption; its captions are one cluster
};

/// images [N, D], texts [T, D], owner [T]: the picture of each caption, in [0, N); every picture has one at least.
/// Scores are inner products; equal ones count by index, as argsort would have it. Throws InputError when the sizes do
/// not fit.
RetrievalRanks retrieval_ranks(const Matrix& images, const Matrix& texts, std::span<const int> owner);

}  // namespace cliplab
