"""Texts that are hard to clean: wrongly decoded in many ways, damaged, mixed with HTML, controls and typography."""

import html
import random
import re
import struct
import unicodedata
from collections.abc import Iterator

import ftfy.bad_codecs
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.chardata import CHARMAP_ENCODINGS, UTF8_CLUES

ftfy.bad_codecs.ok()

SENTENCES = [
    "Où est passé le garçon naïf, à côté de l’œuvre ? « Voilà ! » — déjà vu… à la mode, à quel prix",
    "Die Straße nach Zürich: „schöne Grüße“ für 5 € – größer, ÄÖÜ und ß",
    "¿Dónde está el niño? ¡Mañana en España! Él bebió 3½ litros a 20 °C, nº 4ª",
    "Não há ação às três da manhã; ela voltou àquela praça, àquele café, àquilo, à noite e à tarde",
    "Příliš žluťoučký kůň úpěl ďábelské ódy; Dvořák, Škoda, Čech",
    "Zażółć gęślą jaźń, PÓŁNOC w Łodzi – „cytat” Śliwiński, Ćma",
    "Árvíztűrő tükörfúrógép, hosszú ő és ű, Győr, Űrhajó",
    "Șapte școli din București, Țara și piața; ășîâț, Ţara, şi",
    "İstanbul’da ışık, çığ, ağaç, şöför, Güneş İĞÜŞÖÇ ı",
    "Rīgā ēd āboļus, ķirši, ģimene, ļoti, ņem, šķērso žogu; Lietuvių kalbą, ąžuolas, ėjo, įdomu, ūkis, Čekų",
    "Þetta er íslenska: ðæöá, Ævar, Øystein på Ålesund, blåbærsyltetøj, ångström, smørrebrød",
    "Tiếng Việt: Hà Nội, phở, cà phê sữa đá, Nguyễn Thị Ngọc, ơ ư đ",
    "Η γρήγορη αλεπού πηδά πάνω από τον σκύλο. Ελλάδα, ΑΘΗΝΑ, Ωραία ϊ ΰ Ϊ Ϋ ΆΈΉΊΌΎΏ",
    "Съешь ещё этих мягких французских булок, да выпей чаю. ЁЛКА, №5, «Привет»",
    "Їжак з’їв ґрушу, Україна, єнот, ЇЄІҐ; Београд, Њујорк, ђак, ћуран, џеп, љубав; Здравей, ў Мінску",
    "اللغة العربية جميلة، مرحبا بالعالم! ٠١٢٣ فارسی: گربه‌ای، پژوهش ـ اردو",
    "עברית: שלום עולם, ירושלים, ״ציטוט״ ־ אָלֶף",
    "हिन्दी में नमस्ते, क़लम, বাংলা ভাষা, தமிழ் மொழி, తెలుగు, ಕನ್ನಡ, മലയാളം, සිංහල, ਪੰਜਾਬੀ, ગુજરાતી",
    "ภาษาไทย สวัสดี, ລາວ, ខ្មែរ, မြန်မာ, བོད་སྐད་, ქართული ენა, հայերեն լեզու, አማርኛ ሰላም, ᏣᎳᎩ",
    "中文字符：你好，世界！《红楼梦》 日本語のテキスト、カタカナ「ひらがな」 한국어 텍스트 안녕하세요 각",
    "emoji 😀👨‍👩‍👧🇩🇪❤️👍🏽 🏴󠁧󠁢󠁷󠁬󠁳󠁿 𝒥ohn 𐍈 𠀋 ✔ ★ ☃ → ⇒",
    "math ≤ ≥ ≠ ± × ÷ ∞ ∑ √2 ≈ 1.41 π µm ½ ¼ ¾ x² y³ ∂f/∂x ∫ Δ Ω ∏ ∩ ≡ ⌠⌡",
    "money $5 £3 €2 ¥100 ₧ ¢5 ₹ ₽; © 2020 ® ™ § 5 ¶ 3 † ‡ • ‰ ª º · ¸ ¨ ´ ˆ ˜ ¯ ¬ ¦ ¤",
    "“double” ‘single’ „low“ ‚low‘ ‹angle› «guillemets» it’s – en — em … ‐ ‑ ― ′ ″",
    "box ┌──┐ │ab│ └──┘ ╔═╗ ║x║ ╚═╝ ░▒▓ █▄▀ ▌▐ ├┤┬┴┼ ╟╢",
    "kaomoji ¯\\_(ツ)_/¯ (ಠ_ಠ) ( ͡° ͜ʖ ͡°) ᕙ(⇀‸↼)ᕗ (╯°□°)╯︵ ┻━┻ ōÔō Ű°Ű ÒÓ",
    "A plain English caption of two dogs on the beach, seen from above (1987).",
    "AT&T, R&D, if (a < b && c > d) x = \"y\"; <b>bold</b> <br/> 100% #tag @name",
]
OTHER_ENCODINGS = ["windows-1252", "windows-1256", "windows-1255", "cp850", "koi8-r", "iso-8859-15", "windows-1251"]
PIECES = [
    "&amp;", "&lt;", "&eacute;", "&EACUTE;", "&Atilde;&copy;", "&#195;&#169;", "&#xC3;&#xA9;", "&#8217;", "&#146;",
    "&acirc;&euro;&trade;", "&amp;amp;amp;", "&amp;Atilde;&amp;copy;", "&nbsp;", "&shy", "&notit;", "&copy 2020",
    "&#x1F600;", "&#55357;&#56832;", "&#0;", "&#x80;", "&#133;", "&SZLIG;", "&HELLIP;", "&nGt;", "&fjlig;",
    "&Omega;", "&OMEGA;", "&#59;", "&#38;#38;lt;", "&ampamp;", "&;", "&#;", "&#x;", "&", "<", ">", "<br>",
    "\x1b[31m", "\x1b[1;31mred\x1b[0m", "\x1b[", "\x1b[١m", "\x1b", "\x00", "\x07", "\x0b", "\x1a", "\x7f",
    "\ufeff", "\u206b", "\ufff9", "\ufffc", "\ufffd", "\r\n", "\r", "\n", "\n\n", "\x0c", "\t", "\x1c", "\x85",
    "\x80", "\x81", "\x8d", "\x90", "\x9d", "\x99", "\u2028", "\u2029", "\xa0", "\xad", "\u200b", "\u3000",
    "Ｆｕｌｌ　Ｗｉｄｔｈ", "ｶﾞｷﾞ", "ﾡﾢ", "＆ａｍｐ；", "￣", "￠", "ﬁ", "ﬂ", "ﬃ", "ﬅ", "ŉ", "Ǆ", "ǆ", "Ĳ", "\ud83d\ude00", "\ud83d",
    "\ude00", "\udc80\ud800", "e\u0301", "A\u030a", "\u0915\u093c", "\u1100\u1161", "\u0344", "Ã ", "Â ", " Ã la",
    "Ã quele", "Ã s ", "Ã\xa0", "Â°", "â€™", "â€œ", "â€\ufffd", "â€?", "â€ ", "Ã?", "Ã\ufffd", "Â\x1a", "ï»¿",
    "ï¿½", "À\x80", "À\n", "í\xa0½í¸\x80", "í\xa0\x80í°\n", "í\xa0\x80", "ð\x9f\x98\x80", "ð ˜€", "ðŸ˜€", "ðŸ?€",
    "Å ", "Ð ", "Î ", "Ù ", "вЂ™", "Г©", "РџСЂРёРІРµС‚", "ГўВЂВ.a", "ГўВЂВ\nb", "Î»", "β€™", "ā€™", "‚Äì", "√©",
    "‚àÇ", "Ô¨Å", "├⌐", "ΓÇÖ", "Œ.", "œ", "œx", "Ø§Ù„", "à¤¨à¤®", "à²¨", "×³", "Ř", "ÃƒÂ©", "Ãƒâ€šÃ‚Â©", "ÃÂ©",
    "É°", "é©", "é™a", "o’clock", "à¹", "Ą€", "Ž³", "¿Ã", "é £",
]


def alphabet() -> str:
    """The characters that ftfy's rules name, and some of ASCII, more than once where a rule names them alone."""
    named = re.compile("[" + "".join([*MOJIBAKE_CATEGORIES.values(), *UTF8_CLUES.values()]) + "]")
    members = "".join(c for c in map(chr, range(0x80, 0x10000)) if named.match(c))
    return members + "ÂÃÎÐØÙàâóäêåÄ√≈‚вЂВГРСўΒΓΞΟβāŒœ°µ²³€" + "ÂÃÎÐØÙВГРС" + "aZz .,?!'&\n\t_7\u2003中Ꮳ"


def cesu8(text: str) -> bytes:
    """Each UTF-16 unit as UTF-8; U+0000 as Java writes it."""
    units = struct.iter_unpack("<H", text.encode("utf-16-le", "surrogatepass"))
    return b"".join(chr(unit).encode("utf-8", "surrogatepass") if unit else b"\xc0\x80" for (unit,) in units)


def wrongly_decoded(text: str, encoding: str, rng: random.Random) -> str:
    data = cesu8(text) if rng.random() < 0.05 else text.encode("utf-8", "surrogatepass")
    return data.decode(encoding, "replace")


def damaged(text: str, rng: random.Random) -> str:
    """One or some characters lost, changed or moved; or a whole class of them, as programs do it."""
    if not text:
        return text
    kind, at = rng.randrange(14), rng.randrange(len(text))
    if kind == 0:
        return text.replace("\xa0", " ")
    if kind == 1:
        return "".join(c for c in text if not "\x80" <= c <= "\x9f")
    if kind == 2:
        return "".join(rng.choice("\ufffd??\x1a") if "\x80" <= c <= "\x9f" else c for c in text)
    if kind == 3:
        return "".join(rng.choice("\ufffd?\x1a ") if c > "~" and rng.random() < 0.1 else c for c in text)
    if kind == 4:
        return text[:at]
    if kind == 5:
        return text[:at] + text[at + 1:]
    if kind == 6:
        return text[:at] + rng.choice(PIECES) + text[at:]
    if kind == 7:
        return text.lower() if rng.random() < 0.5 else text.upper()
    if kind == 8:
        return "".join(c + " " if c > "~" and rng.random() < 0.2 else c for c in text)
    if kind == 9:
        return text.replace("\u2019", "'").replace("“", '"').replace("”", '"').replace("…", "...")
    if kind == 10:
        return html.escape(text) if rng.random() < 0.5 else "".join(f"&#{ord(c)};" if c > "~" else c for c in text)
    if kind == 11:
        return unicodedata.normalize(rng.choice(["NFC", "NFD", "NFKC", "NFKD"]), text)
    if kind == 12:
        return text[:at] + chr(rng.randrange(rng.choice([0x100, 0x250, 0x2600, 0x10000, 0x110000]))) + text[at:]
    return " ".join(text.split())


def sentence(rng: random.Random) -> str:
    """A stretch of one sentence: words, or any characters."""
    text = rng.choice(SENTENCES)
    if rng.random() < 0.6:
        words = text.split(" ")
        first = rng.randrange(len(words))
        return " ".join(words[first:first + rng.randrange(1, 7)])
    first = rng.randrange(len(text))
    return text[first:first + rng.randrange(1, 30)]


def wrong_text(rng: random.Random, characters: str) -> str:
    kind = rng.randrange(10)
    if kind == 0:  # the rules' own characters
        return "".join(rng.choice(characters) for _ in range(rng.randrange(1, 14)))
    if kind == 1:  # single pieces
        return "".join(rng.choice(PIECES) + rng.choice(["", "", " ", "a", "é"]) for _ in range(rng.randrange(1, 8)))
    if kind == 2:  # any characters
        top = rng.choice([0x100, 0x250, 0x600, 0x3000, 0x10000, 0x110000])
        return "".join(chr(rng.randrange(top)) for _ in range(rng.randrange(1, 20)))
    if kind == 3:  # any bytes, or bytes that are nearly UTF-8, in an encoding that has them all
        firsts = [b"\xc2", b"\xc3", b"\xe2\x80", b"\xe2", b"\xf0\x9f", b"\xed\xa0\x80\xed", b"\xc0", b"\xed", b"\xe0"]
        later = [*range(0x80, 0xC0), 0x20, 0x3F, 0x1A]
        data = b"".join(rng.choice(firsts) + bytes(rng.choices(later, k=rng.randrange(4)))
                        + rng.choice([b"", b"", b" ", b"a", b"\n"]) for _ in range(rng.randrange(1, 6)))
        return data.decode(rng.choice(CHARMAP_ENCODINGS))
    text = sentence(rng)
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        encoding = rng.choice(CHARMAP_ENCODINGS) if rng.random() < 0.93 else rng.choice(OTHER_ENCODINGS)
        text = wrongly_decoded(text, encoding, rng)
        if len(text) > 400:
            text = text[:400]
        if rng.random() < 0.25:
            text = damaged(text, rng)
    if kind < 7:
        for _ in range(rng.randrange(3)):
            text = damaged(text, rng)
    if kind == 4:  # within other text
        text = sentence(rng) + rng.choice(["", " ", "\n", "\r\n"]) + text + rng.choice(["", " ", "\n"]) + sentence(rng)
    if rng.random() < 0.2:
        text += "\n"
    return text


def wrong_texts(count: int, seed: int) -> Iterator[str]:
    rng, characters = random.Random(seed), alphabet()
    for _ in range(count):
        yield wrong_text(rng, characters)


def damaged_bytes(texts: list[str], seed: int) -> list[bytes]:
    """UTF-8, lone surrogates included; in every seventh text up to three bytes are changed."""
    rng, result = random.Random(seed), [bytearray(text.encode("utf-8", "surrogatepass")) for text in texts]
    for data in result[::7]:
        for _ in range(min(len(data), 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    return [bytes(data) for data in result]
