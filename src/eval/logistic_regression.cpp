// Input checks, centring, and conversion between classifiers and parameters; stacked_fit.cpp does the fitting.
#include "eval/logistic_regression.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace cliplab {
namespace {

constexpr const char* kWhere = "logistic regression";
constexpr Eigen::Index kFewRows = 512;  // an eigendecomposition of this size costs a tenth of a second

void check_labels(Eigen::Index rows, Eigen::Index cols, std::span<const int> labels, int num_classes) {
  if (num_classes < 2) fail(kWhere, fmt::format("{} classes", num_classes), "at least 2");
  if (rows == 0 || cols == 0)
    fail(kWhere, fmt::format("{} x {} features", rows, cols), "at least one sample and one feature");
  if (rows != std::ssize(labels))
    fail(kWhere, fmt::format("{} feature rows and {} labels", rows, labels.size()), "as many labels as rows");
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= num_classes)
      fail(kWhere, fmt::format("label {} of sample {}", labels[i], i), fmt::format("a label in [0, {})", num_classes));
}

void check_lambda(double lambda) {
  if (!(lambda > 0) || !std::isfinite(lambda)) fail(kWhere, fmt::format("lambda {}", lambda), "a positive number");
}

/// `features` with every row checked as it is read.
RowSource checked(const RowSource& features) {
  return {features.rows, features.cols,
          [inner = features.read, cols = features.cols](Eigen::Index begin, Eigen::Index count, float* to) {
            inner(begin, count, to);
            for (Eigen::Index i = 0; i < count; ++i)
              if (!Eigen::Map<const Vector>(to + i * cols, cols).allFinite())
                fail(kWhere, fmt::format("a feature of sample {} is NaN or infinite", begin + i), "finite features");
          }};
}

}  // namespace

ProbeFitter::ProbeFitter(RowSource features, std::span<const int> labels, int num_classes, StopRule rule,
                         Residence residence, const ObjectiveFactory& make)
    : rule_(rule),
      num_classes_(num_classes),
      logits_(num_classes == 2 ? 1 : num_classes),
      labels_{{labels.begin(), labels.end()}} {
  check_labels(features.rows, features.cols, labels, num_classes);
  prepare(std::move(features), residence, make);
}

ProbeFitter::ProbeFitter(const Matrix& features, std::span<const int> labels, int num_classes, StopRule rule,
                         const ObjectiveFactory& make)
    : ProbeFitter(rows_of(features), labels, num_classes, rule, Residence::kKeep, make) {}

ProbeFitter::ProbeFitter(const Matrix& features, const Eigen::Ref<const Eigen::MatrixXi>& targets, StopRule rule)
    : rule_(rule), num_classes_(static_cast<int>(targets.cols())), logits_(1) {
  if (targets.cols() == 0) fail(kWhere, "targets of no class", "at least one");
  for (Eigen::Index c = 0; c < targets.cols(); ++c) {
    labels_.emplace_back(targets.col(c).begin(), targets.col(c).end());
    check_labels(features.rows(), features.cols(), labels_.back(), 2);
  }
  prepare(rows_of(features), Residence::kKeep, softmax_objective);
}

void ProbeFitter::prepare(RowSource features, Residence residence, const ObjectiveFactory& make) {
  features = checked(features);
  const bool fast = rule_ == StopRule::kFast;
  mean_ = fast ? mean_row(features) : VectorD::Zero(features.cols);
  const ObjectiveOptions options{.float64 = !fast, .residence = residence};
  if (fast && features.rows < features.cols && features.rows <= kFewRows) {
    const Matrix rows = into_row_space(features);
    curvature_ =
        std::make_unique<Curvature>(VectorD(rows.cast<double>().colwise().squaredNorm().transpose()), rows.rows());
    objective_ = make(rows_of(rows), logits_, {}, options);
    return;
  }
  if (fast) curvature_ = std::make_unique<Curvature>(features, mean_);
  objective_ = make(std::move(features), logits_, mean_, options);
}

/// Fewer samples than features: the solution is a combination of samples, so the problem is stated in an orthonormal
/// basis of the centred samples. X X' = U S U', basis = S^-1/2 U' X, and the samples become U S^1/2, whose columns
/// are orthogonal.
Matrix ProbeFitter::into_row_space(const RowSource& features) {
  Matrix raw(features.rows, features.cols);
  features.read(0, features.rows, raw.data());
  const MatrixD x = raw.cast<double>().rowwise() - mean_.transpose();
  const Eigen::SelfAdjointEigenSolver<MatrixD> eigen(x * x.transpose());
  const VectorD& values = eigen.eigenvalues();  // ascending
  Eigen::Index rank = 0;  // what is left out is rounding: its share of the largest is that of a product's last bits
  while (rank < values.size() && values[values.size() - 1 - rank] > 1e-13 * values[values.size() - 1]) ++rank;
  rank = std::max<Eigen::Index>(1, rank);
  const VectorD scale = values.tail(rank).cwiseMax(0).cwiseSqrt();
  const MatrixD U = eigen.eigenvectors().rightCols(rank);
  const VectorD inverse = scale.unaryExpr([](double v) { return v > 0 ? 1 / v : 0.0; });  // 0: all samples are the same
  basis_ = inverse.asDiagonal() * (U.transpose() * x);
  return (U * scale.asDiagonal()).cast<float>();
}

Eigen::Index ProbeFitter::first_row(Eigen::Index problem) const {
  return logits_ == 1 && labels_.size() == 1 ? 1 : problem;
}

void ProbeFitter::check_shape(const LinearClassifier& c) const {
  if (c.weight.rows() != num_classes_ || c.weight.cols() != mean_.size() || c.bias.size() != num_classes_)
    fail(kWhere, fmt::format("a start of {} x {}", c.weight.rows(), c.weight.cols()),
         fmt::format("{} x {}", num_classes_, mean_.size()));
}

/// The bias takes up the centring: b' = b + W mean.
VectorD ProbeFitter::to_parameters(const LinearClassifier& classifier, Eigen::Index problem) const {
  check_shape(classifier);
  const Eigen::Index first = first_row(problem);
  MatrixD W = classifier.weight.middleRows(first, logits_).cast<double>();
  VectorD b = classifier.bias.segment(first, logits_).cast<double>();
  if (first > problem) W -= classifier.weight.row(0).cast<double>(), b[0] -= static_cast<double>(classifier.bias[0]);
  b += W * mean_;
  if (basis_.size() > 0) W = (W * basis_.transpose()).eval();
  VectorD parameters(W.size() + b.size());
  parameters << Eigen::Map<const VectorD>(W.data(), W.size()), b;
  return parameters;
}

void ProbeFitter::add(LinearClassifier& classifier, const VectorD& point, Eigen::Index problem,
                      const LinearClassifier* anchor) const {
  const Eigen::Index first = first_row(problem);
  MatrixD W = Eigen::Map<const MatrixD>(point.data(), logits_, objective_->cols());
  VectorD b = point.tail(logits_);
  if (basis_.size() > 0) {
    W = (W * basis_).eval();
    if (anchor) {  // outside the samples' space nothing pulls away from the anchor
      MatrixD outside = anchor->weight.middleRows(first, logits_).cast<double>();
      if (first > problem) outside -= anchor->weight.row(0).cast<double>();
      W += outside - outside * basis_.transpose() * basis_;
    }
  }
  b -= W * mean_;
  classifier.weight.middleRows(first, logits_) = W.cast<float>();
  classifier.bias.segment(first, logits_) = b.cast<float>();
}

std::vector<Fit> ProbeFitter::fit(std::span<const double> lambdas, int max_iterations,
                                  std::span<const Fit* const> starts, const LinearClassifier* anchor) {
  if (max_iterations < 0) fail(kWhere, fmt::format("max_iterations {}", max_iterations), "0 or more");
  const Eigen::Index each = std::ssize(labels_), num_weights = objective_->num_parameters() - logits_;
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < lambdas.size(); ++i) {
    check_lambda(lambdas[i]);
    const Fit* start = starts.empty() ? nullptr : starts[i];
    const LinearClassifier* classifier = start ? &start->classifier : anchor;
    for (Eigen::Index p = 0; p < each; ++p) {
      Problem problem{.lambda = lambdas[i]};
      if (start && !start->warm_starts.empty())
        problem = continued(start->warm_starts[p], num_weights, lambdas[i]);
      else if (classifier)
        problem.start = to_parameters(*classifier, p);
      problem.labels = labels_[p].data();
      if (anchor) problem.centre = to_parameters(*anchor, p);
      problems.push_back(std::move(problem));
    }
  }
  std::vector<Minimum> minima =
      minimize_stack(*objective_, std::move(problems), rule_, max_iterations, curvature_.get());
  std::vector<Fit> fits(lambdas.size());
  for (std::size_t i = 0; i < minima.size(); ++i) {
    Fit& fit = fits[i / each];
    const Eigen::Index problem = static_cast<Eigen::Index>(i) % each;
    if (problem == 0) {
      fit.classifier.weight.setZero(num_classes_, mean_.size()), fit.classifier.bias.setZero(num_classes_);
      fit.report.converged = true;
    }
    add(fit.classifier, minima[i].warm_start.point, problem, anchor);
    fit.warm_starts.push_back(std::move(minima[i].warm_start));
    const FitReport& part = minima[i].report;
    fit.report.objective += part.objective, fit.report.gap += part.gap;
    fit.report.max_abs_gradient = std::max(fit.report.max_abs_gradient, part.max_abs_gradient);
    fit.report.iterations = std::max(fit.report.iterations, part.iterations);
    fit.report.evaluations = std::max(fit.report.evaluations, part.evaluations);
    fit.report.converged = fit.report.converged && part.converged;
  }
  return fits;
}

}  // namespace cliplab
