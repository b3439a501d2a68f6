// The one matrix type that layers exchange: row-major float, a row a sample.
#pragma once

#include <Eigen/Core>

namespace cliplab {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;    // [N, D]
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;  // [N, D]
using Vector = Eigen::VectorXf;
using VectorD = Eigen::VectorXd;

}  // namespace cliplab
