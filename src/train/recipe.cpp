// The peak learning rates of Tables 19 and 20; the rest of the recipe (Table 18) is the same for all models or for a
// family.
#include <map>

#include "base/error.hpp"
#include "model/architecture.hpp"
#include "train/train.hpp"

namespace cliplab {

double paper_learning_rate(const std::string& architecture) {
  static const std::map<std::string, double> rates{{"RN50", 5e-4},     {"RN101", 5e-4},     {"RN50x4", 5e-4},
                                                   {"RN50x16", 4e-4},  {"RN50x64", 3.6e-4}, {"ViT-B/32", 5e-4},
                                                   {"ViT-B/16", 5e-4}, {"ViT-L/14", 4e-4},  {"ViT-L/14@336", 2e-5}};
  const auto found = rates.find(find_architecture(architecture).name);
  if (found == rates.end())
    fail("train.lr", "0 for " + architecture,
         "a rate, or one of the paper's nine models, whose rate Tables 19 and 20 have");
  return found->second;
}

}  // namespace cliplab
