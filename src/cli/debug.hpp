// Hidden sub-commands for the parity tests: what the layers compute, on stdin and stdout.
#pragma once

#include <span>
#include <string>

namespace cliplab {

/// tokenize [RULES] | tokenize-speed FILE | transform SIZE FILE... | normalized SIZE FILE... | pixels-speed SIZE
/// FILE... | decode FILE | samples SET SPLIT COUNT | loader-speed SHARDS SIZE COUNT | probe ... | image-speed MODEL
/// COUNT | train ... | loss-speed ... | embed MODEL SPACE FILE...
int debug_command(std::span<const std::string> arguments);

/// debug_text.cpp: RULES is "openai" or "openclip".
int debug_tokenize(const std::string& rules);
int debug_tokenize_speed(const std::string& file);

/// debug_data.cpp: of the first COUNT samples a line "H W C class", then the pixels.
int debug_samples(const std::string& name, const std::string& split, const std::string& most);
/// COUNT samples of SHARDS (expand_shards) to normalised floats, pass after pass: rate, first batch, memory.
int debug_loader_speed(const std::string& shards, const std::string& size, const std::string& most);

/// debug_probe.cpp: fit | search | rate | few-shot.
int debug_probe(std::span<const std::string> arguments);

}  // namespace cliplab
