// Text: UTF-8 checks, case, trimming, splitting, and the nearest known word.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quell {

// The length of the valid UTF-8 sequence that `text` begins with (1–4), or 0 if it is not valid
// (overlong forms, surrogates and values over U+10FFFF are not).
std::size_t utf8_sequence_length(std::string_view text);
// The position of the first byte that is not UTF-8.
std::optional<std::size_t> invalid_utf8_at(std::string_view text);
// At most `max_bytes` of `text`, cut before a sequence that would not fit whole.
std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes);

// `text` for a terminal or a log: bytes that are not UTF-8, and characters that command a terminal
// or turn the direction of text (C0, DEL, C1, bidirectional controls), become spaces.
std::string printable(std::string_view text);

// With everything but letters, digits and -._~ percent-encoded: for paths, queries and forms.
std::string percent_encode(std::string_view text);

std::string to_lower(std::string_view text);   // ASCII only.
std::string_view trim(std::string_view text);  // Spaces, tabs, line ends.
std::vector<std::string_view> split(std::string_view text, char separator);
bool equals_ignore_case(std::string_view a, std::string_view b);
bool contains_ignore_case(std::string_view text, std::string_view part);

// The candidate with the smallest edit distance, if that is small enough to be a slip: at most
// `distance_max`, or a third of the word when none is given.
std::optional<std::string_view> nearest_word(std::string_view word,
                                             std::span<const std::string_view> candidates,
                                             std::optional<std::size_t> distance_max = {});

}  // namespace quell
