// Letters alone count: "Train_Set", "train-set" and "train2017" are names of one role.
#include "sets/split_names.hpp"

#include <cctype>
#include <map>

namespace cliplab {

std::string split_role(std::string_view name) {
  static const std::map<std::string, std::string, std::less<>> kRoles{
      {"train", "train"},       {"training", "train"},        {"trn", "train"},
      {"val", "validation"},    {"valid", "validation"},      {"validate", "validation"},
      {"dev", "validation"},    {"validation", "validation"}, {"devel", "validation"},
      {"trainval", "trainval"}, {"trainvalid", "trainval"},   {"trainvalidation", "trainval"},
      {"test", "test"},         {"testing", "test"},          {"tst", "test"},
      {"eval", "test"},         {"evaluation", "test"},       {"development", "validation"},
      {"traindev", "trainval"},
  };
  std::string letters;
  for (const unsigned char c : name) {
    if (std::isalpha(c))
      letters += static_cast<char>(std::tolower(c));
    else if (c >= 0x80)
      return {};
  }
  for (const std::string_view ending : {"", "set", "split", "data", "images", "imgs", "pictures", "folder"})
    if (letters.ends_with(ending))
      if (const auto role = kRoles.find(letters.substr(0, letters.size() - ending.size())); role != kRoles.end())
        return role->second;
  return {};
}

bool same_split(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const std::string role = split_role(a);
  return !role.empty() && role == split_role(b);
}

}  // namespace cliplab
