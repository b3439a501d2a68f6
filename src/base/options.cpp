// Boost.Program_options reads files and command lines; types, ranges and names are checked here, because its
// own messages name neither file nor line, it accepts prefixes of long options, and it drops stray words.
#include "base/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>
#include <set>
#include <sstream>
#include <stdexcept>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace cliplab {
namespace {

namespace po = boost::program_options;

std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

std::string real_text(double value) { return fmt::format("{}", value); }

std::string range_text(const char* kind, double min, double max) {
  return fmt::format("{} in [{}, {}]", kind, real_text(min), real_text(max));
}

/// Line number of each assignment of an INI text, in order: Boost returns the same assignments in the same
/// order. Refuses here what Boost refuses without a line.
std::vector<int> assignment_lines(const std::string& file, const std::string& text) {
  std::vector<int> lines;
  std::istringstream in(text);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string where = file + ":" + std::to_string(++number);
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto equals = line.find('=');
    if (line.front() == '[' && line.back() == ']') {
      const std::string name = line.substr(1, line.size() - 2);
      if (name.empty() || name != trim(name))
        fail(where, "section '" + line + "'", "a name in [] without spaces around it");
    } else if (equals == std::string::npos) {
      fail(where, "'" + line + "' without '='", "key = value, [section] or # comment");
    } else if (equals == 0) {
      fail(where, "no key before '='", "key = value, [section] or # comment");
    } else {
      lines.push_back(number);
    }
  }
  return lines;
}

}  // namespace

void Options::declare(const std::string& key, Entry entry) {
  const auto allowed = [&](const std::string& item) {
    return entry.allowed.empty() || std::find(entry.allowed.begin(), entry.allowed.end(), item) != entry.allowed.end();
  };
  bool right = true;
  if (const auto* integer = std::get_if<std::int64_t>(&entry.value))
    right = static_cast<double>(*integer) >= entry.min && static_cast<double>(*integer) <= entry.max;
  if (const auto* real = std::get_if<double>(&entry.value)) right = *real >= entry.min && *real <= entry.max;
  if (const auto* text = std::get_if<std::string>(&entry.value)) right = allowed(*text);
  if (const auto* list = std::get_if<List>(&entry.value)) right = std::all_of(list->begin(), list->end(), allowed);
  if (!right) throw std::logic_error("option '" + key + "' has a default that it does not allow");
  if (!study_.empty() && !key.starts_with(study_ + "."))
    throw std::logic_error("option '" + key + "' of the study '" + study_ + "' lacks its name");
  if (!entries_.emplace(key, std::move(entry)).second) throw std::logic_error("option '" + key + "' declared twice");
}

void Options::add_flag(const std::string& key, bool value, const std::string& help) {
  declare(key, {value, value, 0, 1, {}, help});
}

void Options::add_integer(const std::string& key, std::int64_t value, std::int64_t min, std::int64_t max,
                          const std::string& help) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;  // ranges are kept as doubles
  if (min < -kExact || max > kExact) throw std::logic_error("option '" + key + "' has a range beyond 2^53");
  declare(key, {value, value, static_cast<double>(min), static_cast<double>(max), {}, help});
}

void Options::add_real(const std::string& key, double value, double min, double max, const std::string& help) {
  declare(key, {value, value, min, max, {}, help});
}

void Options::add_text(const std::string& key, const std::string& value, const std::string& help, const List& allowed) {
  declare(key, {value, value, 0, 0, allowed, help});
}

void Options::add_list(const std::string& key, const List& value, const std::string& help, const List& allowed) {
  declare(key, {value, value, 0, 0, allowed, help});
}

void Options::add_sets(const std::string& key, const List& value, Role role, const std::string& help,
                       const SetRules& rules) {
  add_list(key, value, help + (rules.fallback.empty() ? "" : "; empty: " + rules.fallback));
  declared_.push_back({key, study_, role, rules});
}

void Options::add_reference(const std::string& key, const std::string& value, const std::string& of,
                            const std::string& help) {
  add_text(key, value, help);
  declared_.push_back({key, study_, Role::kReference, {.of = of}});
}

void Options::add_file(const std::string& key, const std::string& help, const SetRules& rules) {
  add_text(key, "", help);
  declared_.push_back({key, study_, Role::kFile, rules});
}

void Options::add_files(const std::string& key, const std::string& help, const SetRules& rules) {
  add_list(key, {}, help);
  declared_.push_back({key, study_, Role::kFile, rules});
}

std::string Options::nearest(const std::string& key) const {
  std::vector<std::string> known;
  for (const auto& [name, entry] : entries_) known.push_back(name);
  const std::string best = nearest_of(key, known);
  return best.empty() ? "./cliplab describe STUDY lists the keys" : "did you mean '" + best + "'?";
}

void Options::set(const std::string& where, const std::string& key, const std::string& raw) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) fail(where, "unknown key '" + key + "'", "a declared key", nearest(key));
  Entry& entry = found->second;
  const std::string text = trim(raw);
  // The command line accepts only values that a file can hold: the recorded configuration must read back as the same
  // run.
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c == '#' || c < ' ' || c == 127; }))
    fail(where, key + " has a '#' or a control character", "a value without them");
  const auto refuse_number = [&](const char* kind) {
    fail(where, key + " = '" + text + "'", range_text(kind, entry.min, entry.max) + " (" + entry.help + ")");
  };
  const auto check_allowed = [&](const std::string& item) {
    if (entry.allowed.empty() || std::find(entry.allowed.begin(), entry.allowed.end(), item) != entry.allowed.end())
      return;
    const std::string best = nearest_of(item, entry.allowed);
    fail(where, key + " has '" + item + "'", "one of " + joined(entry.allowed),
         best.empty() ? std::string() : "did you mean '" + best + "'?");
  };
  if (std::holds_alternative<bool>(entry.value)) {
    if (text != "true" && text != "false") fail(where, key + " = '" + text + "'", "true or false");
    entry.value = text == "true";
  } else if (std::holds_alternative<std::int64_t>(entry.value)) {
    std::int64_t value = 0;
    if (!parse_number(text, value) || static_cast<double>(value) < entry.min || static_cast<double>(value) > entry.max)
      refuse_number("an integer");
    entry.value = value;
  } else if (std::holds_alternative<double>(entry.value)) {
    double value = 0;
    if (!parse_number(text, value) || !std::isfinite(value) || value < entry.min || value > entry.max)
      refuse_number("a number");
    entry.value = value == 0 ? 0.0 : value;  // -0 and 0 are one run
  } else if (std::holds_alternative<std::string>(entry.value)) {
    check_allowed(text);
    entry.value = text;
  } else {
    List items;
    for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const std::string item = trim(text.substr(begin, end - begin));
      if (item.empty()) fail(where, key + " = '" + text + "'", "no empty item between the commas");
      check_allowed(item);
      if (std::find(items.begin(), items.end(), item) != items.end())
        fail(where, key + " has '" + item + "' twice", "each item once");
      items.push_back(item);
      begin = end + 1;
    }
    entry.value = items;
  }
}

void Options::parse_file(const std::filesystem::path& path) {
  const std::string text = read_file(path, 1 << 20), file = path.string();
  const std::vector<int> lines = assignment_lines(file, text);
  std::istringstream in(text);
  po::parsed_options parsed(nullptr);
  try {
    parsed = po::parse_config_file(in, po::options_description(), /*allow_unregistered=*/true);
  } catch (const po::error& error) {
    fail(file, error.what(), "key = value, [section] or # comment");
  }
  if (parsed.options.size() != lines.size()) fail(file, "lines that cannot be told apart", "key = value, a line each");
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& key = parsed.options[i].string_key;
    const std::string where = file + ":" + std::to_string(lines[i]);
    if (const auto [first, added] = seen.emplace(key, lines[i]); !added)
      fail(where, "duplicate key '" + key + "'", "each key once",
           "the first is in line " + std::to_string(first->second));
    set(where, key, parsed.options[i].value.empty() ? std::string() : parsed.options[i].value.front());
  }
}

void Options::parse_arguments(std::span<const std::string> arguments) {
  const std::string where = "command line", shape = "--key value or --key=value";
  // Boost refuses "--key=", but an empty value is the empty list.
  std::vector<std::string> words;
  for (const std::string& word : arguments) {
    const bool empty_value = word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1;
    words.push_back(empty_value ? word.substr(0, word.size() - 1) : word);
    if (empty_value) words.emplace_back();
  }
  po::options_description description;
  for (const auto& [key, entry] : entries_) description.add_options()(key.c_str(), po::value<std::string>(), "");
  po::parsed_options parsed(nullptr);
  try {
    parsed = po::command_line_parser(words)
                 .options(description)
                 .style(po::command_line_style::allow_long | po::command_line_style::long_allow_next |
                        po::command_line_style::long_allow_adjacent)  // no guessing, no short options
                 .allow_unregistered()  // unknown keys and stray words come back in order, and are refused below
                 .run();
  } catch (const po::error& error) {
    fail(where, error.what(), shape);
  }
  const auto names_key = [&](const std::string& word) {
    return word.starts_with("--") && entries_.contains(word.substr(2, word.find('=') - 2));
  };
  std::set<std::string> seen;
  for (const auto& option : parsed.options) {
    const std::string& key = option.string_key;
    if (option.position_key >= 0) {
      const std::string word = option.value.empty() ? std::string() : option.value.front();
      fail(where, "stray word '" + word + "'", shape);
    }
    if (option.unregistered) fail(where, "unknown key '" + key + "'", "a declared key", nearest(key));
    if (option.original_tokens.size() == 2 && names_key(option.original_tokens[1]))
      fail(where, "key '" + key + "' without a value", shape);
    if (!seen.insert(key).second) fail(where, "key '" + key + "' twice", "each key once");
    set(where, key, option.value.empty() ? std::string() : option.value.front());
  }
}

const Options::Entry& Options::entry(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) throw std::logic_error("option '" + key + "' was never declared");
  return found->second;
}

namespace {

template <class T, class Value>
const T& typed(const Value& value, const std::string& key) {
  if (const T* held = std::get_if<T>(&value)) return *held;
  throw std::logic_error("option '" + key + "' is of another type");
}

std::string value_text(const auto& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>)
          return v ? "true" : "false";
        else if constexpr (std::is_same_v<T, Options::List>)
          return joined(v, ",");
        else
          return fmt::format("{}", v);
      },
      value);
}

}  // namespace

bool Options::flag(const std::string& key) const { return typed<bool>(entry(key).value, key); }
std::int64_t Options::integer(const std::string& key) const { return typed<std::int64_t>(entry(key).value, key); }
double Options::real(const std::string& key) const { return typed<double>(entry(key).value, key); }
const std::string& Options::text(const std::string& key) const { return typed<std::string>(entry(key).value, key); }
const Options::List& Options::list(const std::string& key) const { return typed<List>(entry(key).value, key); }

Options::List Options::values(const std::string& key) const {
  if (const auto* text = std::get_if<std::string>(&entry(key).value)) return text->empty() ? List{} : List{*text};
  return list(key);
}

std::string Options::resolved(const std::string& section) const {
  std::string text;
  for (const auto& [key, entry] : entries_)
    if (section.empty() || key.starts_with(section + ".")) text += key + " = " + value_text(entry.value) + "\n";
  return text;
}

std::string Options::help() const {
  // Two columns, a line a key: the top section first, then each section under its name.
  std::size_t width = 0;
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> sections;
  for (const auto& [key, entry] : entries_) {
    std::string limits;
    if (std::holds_alternative<std::int64_t>(entry.value) || std::holds_alternative<double>(entry.value))
      limits = fmt::format(" [{}, {}]", real_text(entry.min), real_text(entry.max));
    else if (std::holds_alternative<bool>(entry.value))
      limits = " [true, false]";
    else if (!entry.allowed.empty())
      limits = " [" + joined(entry.allowed) + "]";
    const auto dot = key.find('.');
    std::string left = key + " = " + value_text(entry.default_value);
    width = std::max(width, std::min<std::size_t>(left.size(), 40));
    sections[dot == std::string::npos ? "" : key.substr(0, dot)].emplace_back(std::move(left), entry.help + limits);
  }
  std::string text;
  for (const auto& [section, lines] : sections) {
    if (!section.empty()) text += "[" + section + "]\n";
    for (const auto& [left, right] : lines)
      text.append("  ").append(left).append(width + 2 - std::min(width, left.size()), ' ').append(right).append("\n");
  }
  return text;
}

}  // namespace cliplab
