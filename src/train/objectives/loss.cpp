// Contrastive loss, twice: with plain autograd, where the B x B logits are kept, right up to a few thousand pairs on
// one process; and blockwise over the ranks, with online log-sum-exp and the gradients of the features in closed form.
#include "train/objectives/loss.hpp"

#include <cmath>
#include <limits>

#include "model/architecture.hpp"
#include "model/towers/layers.hpp"

namespace cliplab {

using torch::Tensor;

namespace {

constexpr std::int64_t kPlainPairs = 2048;  // 16 MB of logits
constexpr std::int64_t kTileRows = 512,
                       kTileCols = 2048;  // 4 MB in fp32: a tile stays in the cache from product to exp

/// Calls use(first row, rows, first column, columns) for each tile of [rows, columns].
template <class Use>
void for_tiles(std::int64_t rows, std::int64_t columns, Use use) {
  for (std::int64_t i = 0; i < rows; i += kTileRows)
    for (std::int64_t j = 0; j < columns; j += kTileCols)
      use(i, std::min(kTileRows, rows - i), j, std::min(kTileCols, columns - j));
}

/// ln sum exp of the rows of z = scale a b^T; into `columns`, where it is defined, that of its columns. a [n, E], b [m,
/// E] -> [n]
Tensor log_sums(const Tensor& scale, const Tensor& a, const Tensor& b, Tensor columns = {}) {
  Tensor rows = torch::full({a.size(0)}, -std::numeric_limits<double>::infinity(), a.options());
  for_tiles(a.size(0), b.size(0), [&](auto i, auto n, auto j, auto m) {
    const Tensor z = apply_linear(scale * a.narrow(0, i, n), b.narrow(0, j, m));
    const auto add = [&](const Tensor& sums, std::int64_t over) {
      sums.copy_(at::logaddexp(sums, at::logsumexp(z, over)));
    };
    add(rows.narrow(0, i, n), 1);
    if (columns.defined()) add(columns.narrow(0, j, m), 0);
  });
  return rows;
}

/// With G = P + Q, the softmax of the rows plus that of the columns of z, whose log sums are given: -> G b [n, E]; into
/// `db`, where it is defined, G^T a [m, E].
Tensor logit_gradient_product(const Tensor& scale, const Tensor& a, const Tensor& b, const Tensor& row_sums,
                              const Tensor& column_sums, Tensor db = {}) {
  Tensor da = torch::zeros_like(a);
  for_tiles(a.size(0), b.size(0), [&](auto i, auto n, auto j, auto m) {
    const Tensor A = a.narrow(0, i, n), B = b.narrow(0, j, m), z = apply_linear(scale * A, B);
    Tensor G = (z - row_sums.narrow(0, i, n).unsqueeze(1)).exp_();
    G.add_((z - column_sums.narrow(0, j, m)).exp_());
    da.narrow(0, i, n).add_(apply_linear(G, B.t()));                        // [n,m] [m,E]
    if (db.defined()) db.narrow(0, j, m).add_(apply_linear(G.t(), A.t()));  // [m,n] [n,E]
  });
  return da;
}

/// a_i . b_i of each row, without the products in memory: [b, E] -> [b, 1]
Tensor row_products(const Tensor& a, const Tensor& b) { return at::bmm(a.unsqueeze(1), b.unsqueeze(2)).squeeze(2); }

/// As OpenAI ran it (openai/CLIP issue 132): a rank gathers all embeddings and owns the rows of its images in image ->
/// text and of its texts in text -> image. With unit rows I, T and z = s I T^T,
///   L = 1/(2B) sum_i (lse_j z_ij - z_ii) + 1/(2B) sum_j (lse_i z_ij - z_jj),  dL/dI_i = s/(2B) (sum_j (P_ij + Q_ij)
///   T_j - 2 T_i),
/// P and Q the softmax of rows and of columns. Q's row i takes the other ranks' log sums over their texts, b numbers a
/// rank: gathering those gives what a gradient through the gather of the embeddings would, without sending gradients of
/// [B, E]. ln s scales z, so its gradient is sum_i I_i . dL/dI_i. Few [b, E] are kept, which is why the norms are in
/// here.
struct BlockwiseLoss : torch::autograd::Function<BlockwiseLoss> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& image, const Tensor& text,
                        const Tensor& logit_scale, std::int64_t comm_address) {
    Comm& comm = *reinterpret_cast<Comm*>(comm_address);
    const Tensor image_norm = image.norm(2, 1, true), text_norm = text.norm(2, 1, true), I = image / image_norm,
                 T = text / text_norm;
    const Tensor scale = logit_scale.to(image.scalar_type()).exp(), all_I = comm.all_gather(I),
                 all_T = comm.all_gather(T);
    Tensor image_sums, text_sums;
    if (comm.size() == 1) {  // rows and columns of the same tiles
      text_sums = torch::full({T.size(0)}, -std::numeric_limits<double>::infinity(), T.options());
      image_sums = log_sums(scale, I, T, text_sums);
    } else {
      image_sums = log_sums(scale, I, all_T), text_sums = log_sums(scale, T, all_I);
    }
    context->save_for_backward({I, T, image_norm, text_norm, scale, all_I, all_T, image_sums, text_sums});
    context->saved_data["comm"] = comm_address;
    context->saved_data["type"] = logit_scale.scalar_type();
    return (image_sums + text_sums - 2 * scale * row_products(I, T).squeeze(1)).sum() /
           static_cast<double>(2 * all_I.size(0));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    Comm& comm = *reinterpret_cast<Comm*>(context->saved_data["comm"].toInt());
    const auto saved = context->get_saved_variables();
    const Tensor &I = saved[0], &T = saved[1], &image_norm = saved[2], &text_norm = saved[3], &scale = saved[4];
    const Tensor &all_I = saved[5], &all_T = saved[6], &image_sums = saved[7], &text_sums = saved[8];
    Tensor d_image, d_text;
    if (comm.size() == 1) {
      d_text = torch::zeros_like(T);
      d_image = logit_gradient_product(scale, I, T, image_sums, text_sums, d_text);
    } else {
      d_image = logit_gradient_product(scale, I, all_T, image_sums, comm.all_gather(text_sums));
      d_text = logit_gradient_product(scale, T, all_I, text_sums, comm.all_gather(image_sums));
    }
    const Tensor share = gradients[0] * scale / static_cast<double>(2 * all_I.size(0));
    d_image.sub_(T, 2).mul_(share), d_text.sub_(I, 2).mul_(share);
    // From unit rows u = x / |x| to x: dx = (du - (u . du) u) / |x|.
    const Tensor radial = row_products(I, d_image);
    d_image.addcmul_(I, radial, -1).div_(image_norm);
    d_text.addcmul_(T, row_products(T, d_text), -1).div_(text_norm);
    return {d_image, d_text, radial.sum(torch::kFloat64).to(context->saved_data["type"].toScalarType()), {}};
  }
};

}  // namespace

Tensor contrastive_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale) {
  const Tensor I = image / image.norm(2, 1, true), T = text / text.norm(2, 1, true);
  const Tensor logits = logit_scale.exp() * I.matmul(T.t());  // [B, B]
  const Tensor labels = torch::arange(image.size(0), torch::TensorOptions(torch::kInt64).device(image.device()));
  return 0.5 * (at::cross_entropy_loss(logits, labels) + at::cross_entropy_loss(logits.t(), labels));
}

Tensor blockwise_contrastive_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale, Comm& comm) {
  return BlockwiseLoss::apply(image, text, logit_scale, reinterpret_cast<std::int64_t>(&comm));
}

Tensor shared_contrastive_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale, Comm& comm) {
  const bool plain = comm.size() == 1 && image.size(0) <= kPlainPairs;
  return plain ? contrastive_loss(image, text, logit_scale)
               : blockwise_contrastive_loss(image, text, logit_scale, comm);
}

void clamp_logit_scale(Tensor& logit_scale) {
  const torch::NoGradGuard no_grad;
  logit_scale.clamp_(0, std::log(kMaxLogitScale));
}

}  // namespace cliplab
