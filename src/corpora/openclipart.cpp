// The collection's metadata is full of collection titles, author names, hex addresses and file names; what is
// left after these rules names the picture. Rules were written by reading several hundred entries.
#include "corpora/openclipart.hpp"

#include <libxml/parser.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <set>

namespace cliplab {
namespace {

std::string trim(const std::string& text) {
  std::string out;
  for (const char c : text) {  // inner white space to one blank
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is(const xmlNode* node, const char* name) {
  return node->type == XML_ELEMENT_NODE && std::string_view(reinterpret_cast<const char*>(node->name)) == name;
}

std::string content(xmlNode* node) {
  xmlChar* raw = xmlNodeGetContent(node);
  const std::string text = raw ? reinterpret_cast<const char*>(raw) : "";
  if (raw) xmlFree(raw);
  return trim(text);
}

xmlNode* find(xmlNode* from, const char* name, int depth) {
  for (xmlNode* node = from; node != nullptr; node = node->next) {
    if (is(node, name)) return node;
    if (depth > 0 && node->children != nullptr)
      if (xmlNode* found = find(node->children, name, depth - 1)) return found;
  }
  return nullptr;
}

bool generic_title(const std::string& title) {
  const std::string low = lower(title);
  if (low.empty() || low == "card" || low == "people" || low == "sallite" || low == "r16 sibmission" ||
      low == "sport" || low == "untitled")
    return true;
  for (const char* part : {"gramastar",
                           "flat icon collection",
                           "svg theme",
                           "etiquette icons",
                           "aiga_symbol",
                           "clipart by",
                           "various cliparts",
                           "icon-theme",
                           "gold-theme",
                           "iconset",
                           "gradient collection",
                           "svg road signs",
                           "clip art",
                           "openclipart",
                           "illustration",
                           "map symbols",
                           "homes clipart",
                           "plastik icon",
                           "http",
                           "@"})
    if (low.find(part) != std::string::npos) return true;
  return false;
}

/// "contour_giraffe_02" -> "contour giraffe".
std::string words_of(const std::string& stem) {
  std::string out;
  for (const char c : stem)
    out += c == '_' || c == '#' || c == '-' || c == '+' || c == '.' || std::isdigit(static_cast<unsigned char>(c)) ? ' '
                                                                                                                   : c;
  std::string kept;
  const std::string words = trim(out) + " ";
  for (std::size_t begin = 0, end; (end = words.find(' ', begin)) != std::string::npos; begin = end + 1) {
    const std::string word = lower(words.substr(begin, end - begin));
    static const std::set<std::string> kNoise{"aiga", "gnome", "fs",        "mime",  "ell", "svg",
                                              "sm",   "bwh",   "etiquette", "stock", "gg",  "kde"};
    if (word.size() > 1 && !kNoise.contains(word)) kept += (kept.empty() ? "" : " ") + word;
  }
  return kept;
}

/// "cavallo architetto fra", "Architetto Francesco Rollandin" -> "cavallo": file names end in a cut author's
/// name.
std::string without_author(std::string name, const std::string& creator) {
  for (const std::string& author : {words_of(creator), std::string("openclipart"), std::string("rpg map elements")}) {
    if (author.size() < 4) continue;
    if (const std::size_t at = name.find(author); at != std::string::npos)
      name = trim(name.substr(0, at) + " " + name.substr(at + author.size()));
    for (std::size_t at = name.find(' '); at != std::string::npos; at = name.find(' ', at + 1))
      if (name.size() - at > 3 && author.starts_with(name.substr(at + 1))) return name.substr(0, at);
  }
  return name;
}

/// "ornamental_d_9" -> "nine of diamonds"; "" for anything but a playing card.
std::string playing_card(const std::string& stem) {
  static const std::map<std::string, std::string> kRanks{
      {"2", "two"},  {"3", "three"}, {"4", "four"}, {"5", "five"}, {"6", "six"},   {"7", "seven"}, {"8", "eight"},
      {"9", "nine"}, {"10", "ten"},  {"a", "ace"},  {"j", "jack"}, {"q", "queen"}, {"k", "king"}};
  static const std::map<char, std::string> kSuits{{'c', "clubs"}, {'d', "diamonds"}, {'h', "hearts"}, {'s', "spades"}};
  const std::size_t at = stem.find('_');
  if (at == std::string::npos || stem.size() < at + 4 || stem[at + 2] != '_') return {};
  const auto suit = kSuits.find(stem[at + 1]);
  const auto rank = kRanks.find(stem.substr(at + 3));
  return suit == kSuits.end() || rank == kRanks.end() ? std::string() : rank->second + " of " + suit->second;
}

bool good_keyword(const std::string& word) {
  if (word.size() < 2 || word.size() > 40 || word.find("hash") != std::string::npos || word.starts_with("0x"))
    return false;
  for (const char* noise : {"icons", "theme", "mimeicon", "unsorted", "lemon", "signs and symbols",
                            "united nations member", "clip art", "clipart", "magick", "mapsym"})
    if (word.find(noise) != std::string::npos) return false;
  return std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isalpha(c) || c >= 0x80; });
}

}  // namespace

ClipartText read_clipart_text(std::string_view svg) {
  ClipartText text;
  const std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> document(
      xmlReadMemory(svg.data(), static_cast<int>(svg.size()), "clipart.svg", nullptr,
                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_RECOVER),
      xmlFreeDoc);
  xmlNode* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  xmlNode* metadata = root ? find(root->children, "metadata", 1) : nullptr;
  xmlNode* work = metadata ? find(metadata->children, "Work", 3) : nullptr;
  for (xmlNode* node = work ? work->children : nullptr; node; node = node->next) {
    if (is(node, "title")) text.title = content(node);
    if (is(node, "description")) text.description = content(node);
    if (is(node, "creator")) text.creator = content(node);
    if (!is(node, "subject")) continue;
    xmlNode* bag = find(node->children, "Bag", 0);
    for (xmlNode* item = bag ? bag->children : nullptr; item; item = item->next)
      if (is(item, "li")) text.keywords.push_back(content(item));
  }
  return text;
}

std::vector<std::string> clipart_captions(const std::string& path, const ClipartText& text) {
  const std::size_t slash = path.rfind('/');
  const std::string stem = path.substr(slash == std::string::npos ? 0 : slash + 1,
                                       path.size() - 4 - (slash == std::string::npos ? 0 : slash + 1));
  std::string name = without_author(generic_title(text.title) ? words_of(stem) : words_of(text.title), text.creator);
  if (path.find("games/cards/") != std::string::npos)
    if (const std::string card = playing_card(stem); !card.empty()) name = card;
  if (lower(text.title).find("gramastar") != std::string::npos) return {};
  if (path.find("/flags/") != std::string::npos && name.find("flag") == std::string::npos) name = "flag of " + name;

  std::vector<std::string> keywords;
  const auto add_keyword = [&](std::string word) {
    word = lower(word);
    std::replace(word.begin(), word.end(), '_', ' ');
    if (without_author("by " + word, text.creator) == "by") return;  // credits among the keywords
    if (good_keyword(word) && word != name && std::find(keywords.begin(), keywords.end(), word) == keywords.end())
      keywords.push_back(word);
  };
  for (const std::string& word : text.keywords) add_keyword(word);
  for (std::size_t begin = 0, end; (end = path.find('/', begin)) != std::string::npos; begin = end + 1) {
    const std::string folder = words_of(path.substr(begin, end - begin));
    if (folder.find("theme") == std::string::npos && folder != "icons" && folder != "special" &&
        folder != "signs and symbols")
      add_keyword(folder);
  }
  const auto says_nothing = [](const std::string& word) { return word == "icon" || word == "computer"; };
  if (name.size() < 3 && std::all_of(keywords.begin(), keywords.end(), says_nothing)) return {};

  std::vector<std::string> captions;
  if (name.size() >= 3) captions.push_back(name);
  const std::string low = lower(text.description);
  const bool boilerplate = low.size() < 4 || low.size() > 200 || low.find("hash(") != std::string::npos ||
                           low.find('@') != std::string::npos || low.find("http") != std::string::npos ||
                           low.find("part of") == 0 || low.find("converted") != std::string::npos ||
                           low.find("inkscape") != std::string::npos;
  if (!boilerplate && low != name) captions.push_back(text.description);
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(6, keywords.size()); ++i)
    list += (list.empty() ? "" : ", ") + keywords[i];
  if (!list.empty()) captions.push_back(name.size() >= 3 ? name + ", " + list : list);
  return captions;
}

}  // namespace cliplab
