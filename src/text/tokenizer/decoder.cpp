// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/decoder.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::text {
namespace {

std::optional<char> byte_of(std::string_view token) noexcept {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

// How much of the end of `text` may be the beginning of `word`.
std::size_t begun(std::string_view text, std::string_view word) noexcept {
  std::size_t size = std::min(text.size(), word.empty() ? 0 : word.size() - 1);
  while (size > 0 && text.substr(text.size() - size) != word.substr(0, size)) --size;
  return size;
}

}  // namespace

DecodeRun::DecodeRun(const Decoder& decoder) : steps_(decoder.steps()), states_(steps_.size()) {}

Status DecodeRun::push(std::string_view token, std::string& out) {
  if (steps_.empty() && any_) out += ' ';
  any_ = true;
  return feed(0, {.text = token}, out);
}

Status DecodeRun::finish(std::string& out) {
  if (!steps_.empty()) MOXIE_TRY(end_of_tokens(0, out));
  states_.assign(steps_.size(), {});
  any_ = false;
  return {};
}

Status DecodeRun::feed(std::size_t step, const Part& part, std::string& out) {
  if (step == steps_.size()) {
    out += part.text;
    return {};
  }
  return std::visit([&](const auto& kind) { return apply(kind, step, part, out); }, steps_[step]);
}

// Joined tokens end now; then the next step hears of the end.
Status DecodeRun::end_of_tokens(std::size_t step, std::string& out) {
  if (step == steps_.size()) return {};
  MOXIE_TRY(close(step, out));
  return end_of_tokens(step + 1, out);
}

// Goes on as a part of one token that does not end before the tokens do. A character whose bytes come one by one
// waits until it is whole, so that the steps behind see characters.
Status DecodeRun::joined(std::size_t step, const Part& part, std::string& out) {
  State& state = states_[step];
  const bool begins = !state.open;
  state.open = true;
  if (state.held.empty() && utf8::incomplete_tail(part.text) == 0) {
    return feed(step + 1, {.text = part.text, .begins = begins, .ends = false}, out);
  }
  state.held += part.text;
  const std::size_t waits = utf8::incomplete_tail(state.held);
  const std::string ready = state.held.substr(0, state.held.size() - waits);
  state.held.erase(0, ready.size());
  return feed(step + 1, {.text = ready, .begins = begins, .ends = false}, out);
}

Status DecodeRun::close(std::size_t step, std::string& out) {
  State& state = states_[step];
  if (!state.open) return {};
  const std::string rest = std::exchange(state.held, {});
  state.open = false;
  return feed(step + 1, {.text = rest, .begins = false, .ends = true}, out);
}

Status DecodeRun::apply(const ByteLevelDecode&, std::size_t step, const Part& part, std::string& out) {
  return joined(step, part, out);
}
Status DecodeRun::apply(const FuseDecode&, std::size_t step, const Part& part, std::string& out) {
  return joined(step, part, out);
}

Status DecodeRun::apply(const MetaspaceDecode& kind, std::size_t step, const Part& part, std::string& out) {
  State& state = states_[step];
  if (part.begins) {
    state.left = state.first && kind.drop_first ? 1 : 0;
    state.first = false;
  }
  std::string text;
  for (std::size_t at = 0; at < part.text.size();) {
    const std::size_t found = std::min(part.text.find(kind.replacement, at), part.text.size());
    text += part.text.substr(at, found - at);
    if (found < part.text.size() && state.left == 0) text += ' ';
    at = found + kind.replacement.size();
  }
  return feed(step + 1, {.text = text, .begins = part.begins, .ends = part.ends}, out);
}

// A byte's token joins the bytes before it; any other token ends them.
Status DecodeRun::apply(const ByteFallbackDecode&, std::size_t step, const Part& part, std::string& out) {
  const auto byte = part.begins && part.ends ? byte_of(part.text) : std::nullopt;
  if (byte) return joined(step, {.text = {&*byte, 1}}, out);
  MOXIE_TRY(close(step, out));
  return feed(step + 1, part, out);
}

Status DecodeRun::apply(const StripDecode& kind, std::size_t step, const Part& part, std::string& out) {
  State& state = states_[step];
  if (part.begins) {
    state.left = kind.start;
    state.held.clear();
  }
  std::string_view rest = part.text;
  while (state.left > 0 && !rest.empty()) {
    if (!rest.starts_with(kind.content)) {
      state.left = 0;
      break;
    }
    rest.remove_prefix(kind.content.size());
    --state.left;
  }
  // At the end, up to `stop` of them go: they wait until the end is known.
  std::string text = std::move(state.held) + std::string(rest);
  state.held.clear();
  std::size_t keep = text.size();
  for (std::size_t n = 0; n < kind.stop && std::string_view(text).substr(0, keep).ends_with(kind.content); ++n) {
    keep -= kind.content.size();
  }
  if (!part.ends) state.held = text.substr(keep);
  text.resize(keep);
  return feed(step + 1, {.text = text, .begins = part.begins, .ends = part.ends}, out);
}

Status DecodeRun::apply(const ReplaceDecode& kind, std::size_t step, const Part& part, std::string& out) {
  State& state = states_[step];
  if (part.begins) state.held.clear();
  state.held += part.text;
  // A regular expression needs all of the token; a text, only what may be its beginning.
  if (!kind.pattern.is_literal() && !part.ends) {
    return feed(step + 1, {.text = {}, .begins = part.begins, .ends = false}, out);
  }
  std::string text;
  std::size_t done = 0;
  matcher_.allow(Matcher::allowance(state.held.size()));
  const bool valid = kind.pattern.is_literal() || utf8::valid_size(state.held) == state.held.size();
  while (valid && done < state.held.size()) {
    Match match;
    MOXIE_TRY(kind.pattern.find(state.held, done, matcher_, match));
    if (!match.found) break;
    if (match.begin == match.end) {
      const std::size_t next = std::min(
          match.end + utf8::character_size(state.held[std::min(match.end, state.held.size() - 1)]), state.held.size());
      text.append(state.held, done, match.begin - done);
      text += kind.content;
      text.append(state.held, match.begin, next - match.begin);
      done = next;
      continue;
    }
    text.append(state.held, done, match.begin - done);
    text += kind.content;
    done = match.end;
  }
  const std::size_t waits = part.ends ? 0 : begun(std::string_view(state.held).substr(done), kind.pattern.text());
  text.append(state.held, done, state.held.size() - done - waits);
  state.held.erase(0, state.held.size() - waits);
  return feed(step + 1, {.text = text, .begins = part.begins, .ends = part.ends}, out);
}

}  // namespace moxie::text
