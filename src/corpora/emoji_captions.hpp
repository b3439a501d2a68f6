// Facts that the two small sets for studies derive from an emoji: the gender of a name, the place of a flag.
#pragma once

#include <map>
#include <string>

namespace cliplab {

/// "woman cook", "men wrestling" -> "female", "male"; "" where neither or both are named.
std::string gender_of_name(const std::string& name);
/// zone.tab of the tz database -> "latitude longitude" in degrees, by country of two letters. Throws InputError naming
/// `where`.
std::map<std::string, std::string> read_country_places(const std::string& table, const std::string& where);
/// "1f1f5-1f1f9" -> "PT"; "" for what is no flag of two letters.
std::string country_of_flag(const std::string& key);

}  // namespace cliplab
