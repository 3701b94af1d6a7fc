// SPDX-License-Identifier: Apache-2.0
#include "constraint/regex/regexes.hpp"

#include <algorithm>
#include <deque>
#include <unordered_set>
#include <utility>

#include <moxie/core/text.hpp>

#include "text/tokenizer/hash.hpp"

namespace moxie::inline abi1::constraint {
namespace {

// How far possible() looks for a text, in expressions, before it takes the answer for unknown and gives up.
constexpr std::size_t kMaxSearch = std::size_t{1} << 18U;
constexpr std::size_t kMaxTreeDepth = 100;
// Children that all expressions have together.
constexpr std::size_t kMaxChildren = std::size_t{1} << 24U;
// What 256 bytes cost, where each is looked at for itself.
constexpr std::uint64_t kTableSteps = 128;

std::uint32_t less_one(std::uint32_t n) noexcept { return n == 0 || n == kNoLimit ? n : n - 1; }

}  // namespace

Regexes::Regexes(std::size_t limit) : limit_(limit) {
  intern({.kind = Kind::kNever});
  intern({.kind = Kind::kEmpty, .nullable = true});
  intern({.kind = Kind::kExcept, .nullable = true, .a = kNever});
}

Status Regexes::check(std::string_view where) const {
  if (!exhausted_) return {};
  if (left_ == 0) return Status(Code::kBudget, where, Text("at most ", allowed_, " steps"), "more");
  return Status(Code::kBudget, where, Text("at most ", limit_, " states of its texts and numbers"), "more");
}

RegexId Regexes::intern(const Node& node, std::span<const RegexId> list) {
  spend(2 + list.size());
  if (exhausted_ && nodes_.size() > kAnything) return kNever;
  const std::uint64_t words[3] = {static_cast<std::uint64_t>(node.kind) << 32U | (list.empty() ? node.a : 0),
                                  static_cast<std::uint64_t>(list.empty() ? node.b : 0) << 32U | node.least, node.most};
  std::uint64_t hash = text::hash_bytes({reinterpret_cast<const char*>(words), sizeof(words)}, 0x6d6f786965);
  hash = text::hash_bytes({reinterpret_cast<const char*>(list.data()), list.size_bytes()}, hash);
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Node& other = nodes_[it->second];
    if (other.kind != node.kind || other.least != node.least || other.most != node.most) continue;
    if (list.empty() ? other.a == node.a && other.b == node.b : std::ranges::equal(this->list(other), list)) {
      return it->second;
    }
  }
  if (nodes_.size() >= limit_ || lists_.size() + list.size() > kMaxChildren) exhausted_ = true;
  if (exhausted_ && nodes_.size() > kAnything) return kNever;
  Node made = node;
  if (!list.empty()) {
    made.a = static_cast<std::uint32_t>(lists_.size());
    made.b = static_cast<std::uint32_t>(list.size());
    lists_.insert(lists_.end(), list.begin(), list.end());
  }
  const auto id = static_cast<RegexId>(nodes_.size());
  nodes_.push_back(made);
  tables_.emplace_back();
  possible_.push_back(-1);
  index_.emplace(hash, id);
  return id;
}

RegexId Regexes::bytes(const ByteSet& set) {
  if (set.empty()) return kNever;
  auto place = static_cast<std::uint32_t>(std::ranges::find(sets_, set) - sets_.begin());
  if (place == sets_.size()) sets_.push_back(set);
  return intern({.kind = Kind::kBytes, .a = place});
}

RegexId Regexes::literal(std::string_view text) {
  RegexId result = kEmpty;
  for (std::size_t i = text.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(text[i]);
    result = cat(bytes(ByteSet::range(byte, byte)), result);
  }
  return result;
}

RegexId Regexes::cat(RegexId first, RegexId second) {
  if (first == kNever || second == kNever || exhausted_) return kNever;
  if (first == kEmpty) return second;
  if (second == kEmpty) return first;
  if (first == kAnything && second == kAnything) return kAnything;
  // (a b) c is a (b c): what comes first is always at hand.
  std::vector<RegexId> parts;
  while (nodes_[first].kind == Kind::kCat) {
    parts.push_back(nodes_[first].a);
    first = nodes_[first].b;
  }
  parts.push_back(first);
  RegexId result = second;
  for (std::size_t i = parts.size(); i-- > 0;) {
    const Node& a = nodes_[parts[i]];
    const Node& b = nodes_[result];
    result = intern({.kind = Kind::kCat,
                     .nullable = a.nullable && b.nullable,
                     .plain = a.plain && b.plain,
                     .a = parts[i],
                     .b = result});
  }
  return result;
}

RegexId Regexes::alt(std::span<const RegexId> choices) {
  spend(choices.size());
  std::vector<RegexId> all;
  ByteSet set;
  for (const RegexId choice : choices) {
    if (choice == kAnything) return kAnything;
    if (choice == kNever) continue;
    const Node& node = nodes_[choice];
    if (node.kind == Kind::kBytes) {
      set = set | sets_[node.a];
    } else if (node.kind == Kind::kAlt) {
      spend(node.b);
      for (const RegexId one : list(node)) {
        if (nodes_[one].kind == Kind::kBytes) {
          set = set | sets_[nodes_[one].a];
        } else {
          all.push_back(one);
        }
      }
    } else {
      all.push_back(choice);
    }
  }
  if (!set.empty()) all.push_back(bytes(set));
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  const bool other_nullable =
      std::ranges::any_of(all, [&](RegexId one) { return one != kEmpty && nodes_[one].nullable; });
  if (other_nullable) std::erase(all, kEmpty);
  if (all.empty()) return kNever;
  if (all.size() == 1) return all.front();
  Node node{.kind = Kind::kAlt};
  for (const RegexId one : all) {
    node.nullable = node.nullable || nodes_[one].nullable;
    node.plain = node.plain && nodes_[one].plain;
  }
  return intern(node, all);
}

RegexId Regexes::both(std::span<const RegexId> parts) {
  spend(parts.size());
  std::vector<RegexId> all;
  bool any_set = false;
  ByteSet set = ByteSet::range(0, 255);
  const auto add = [&](RegexId one) {
    if (nodes_[one].kind == Kind::kBytes) {
      any_set = true;
      set = set & sets_[nodes_[one].a];
    } else if (one != kAnything) {
      all.push_back(one);
    }
  };
  for (const RegexId part : parts) {
    if (part == kNever) return kNever;
    const Node node = nodes_[part];
    if (node.kind == Kind::kBoth) {
      spend(node.b);
      for (std::uint32_t i = 0; i < node.b; ++i) add(lists_[node.a + i]);
    } else {
      add(part);
    }
  }
  if (any_set) {
    if (set.empty()) return kNever;
    all.push_back(bytes(set));
  }
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.empty()) return kAnything;
  if (all.front() == kEmpty) {
    return std::ranges::all_of(all, [&](RegexId one) { return nodes_[one].nullable; }) ? kEmpty : kNever;
  }
  if (all.size() == 1) return all.front();
  Node node{.kind = Kind::kBoth, .nullable = true, .plain = false};
  for (const RegexId one : all) node.nullable = node.nullable && nodes_[one].nullable;
  return intern(node, all);
}

RegexId Regexes::except(RegexId what) {
  const Node& node = nodes_[what];
  if (node.kind == Kind::kExcept) return node.a;
  return intern({.kind = Kind::kExcept, .nullable = !node.nullable, .plain = false, .a = what});
}

RegexId Regexes::repeat(RegexId what, std::uint32_t least, std::uint32_t most) {
  if (most < least) return kNever;
  if (most == 0 || what == kEmpty) return kEmpty;
  if (what == kNever) return least == 0 ? kEmpty : kNever;
  if (what == kAnything) return kAnything;
  const Node& node = nodes_[what];
  if (node.nullable) least = 0;  // the rest of them may be empty
  if (least == 1 && most == 1) return what;
  if (node.kind == Kind::kRepeat && node.least == 0 && node.most == kNoLimit && least <= 1) return what;
  return intern(
      {.kind = Kind::kRepeat, .nullable = least == 0, .plain = node.plain, .a = what, .least = least, .most = most});
}

RegexId Regexes::number(const NumberLanguage& kind) {
  auto language = static_cast<std::uint32_t>(std::ranges::find(languages_, kind) - languages_.begin());
  if (language == languages_.size()) languages_.push_back(kind);
  return intern({.kind = Kind::kNumber, .plain = false, .a = place_of({.language = language}), .least = language});
}

std::uint32_t Regexes::place_of(const NumberState& state) {
  const std::uint64_t words[3] = {
      std::uint64_t{state.language} << 32U | state.digits, state.rest,
      static_cast<std::uint64_t>(state.phase) << 32U | static_cast<std::uint64_t>(state.least) << 24U |
          static_cast<std::uint64_t>(state.most) << 16U | (state.negative ? 2U : 0U) | (state.nonzero ? 1U : 0U)};
  const std::uint64_t hash = text::hash_bytes({reinterpret_cast<const char*>(words), sizeof(words)}, 1);
  const auto [begin, end] = number_index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (numbers_[it->second] == state) return it->second;
  }
  const auto place = static_cast<std::uint32_t>(numbers_.size());
  numbers_.push_back(state);
  number_index_.emplace(hash, place);
  return place;
}

RegexId Regexes::any_of(std::vector<std::string_view> texts) {
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return tree(texts, 0, 0);
}

// All texts begin alike up to `at`.
RegexId Regexes::tree(std::span<const std::string_view> texts, std::size_t at, std::size_t depth) {
  if (texts.empty()) return kNever;
  if (texts.size() == 1) return literal(texts.front().substr(at));
  const std::string_view first = texts.front();
  const std::string_view last = texts.back();
  std::size_t shared = at;
  while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) ++shared;
  std::vector<RegexId> choices;
  if (depth == kMaxTreeDepth) {
    for (const std::string_view text : texts) choices.push_back(literal(text.substr(at)));
    return alt(choices);
  }
  std::size_t i = 0;
  if (first.size() == shared) choices.push_back(kEmpty), ++i;
  while (i < texts.size()) {
    std::size_t end = i;
    while (end < texts.size() && texts[end][shared] == texts[i][shared]) ++end;
    const auto byte = static_cast<unsigned char>(texts[i][shared]);
    choices.push_back(cat(bytes(ByteSet::range(byte, byte)), tree(texts.subspan(i, end - i), shared + 1, depth + 1)));
    i = end;
  }
  return cat(literal(first.substr(at, shared - at)), alt(choices));
}

RegexId Regexes::before(RegexId what, unsigned last) {
  spend(1);
  if (exhausted_) return kNever;
  const Node node = nodes_[what];
  switch (node.kind) {
    case Kind::kNever:
    case Kind::kEmpty:
    case Kind::kNumber: return kNever;
    case Kind::kBytes: return sets_[node.a].has(last) ? kEmpty : kNever;
    case Kind::kCat: {
      std::vector<RegexId> parts;
      RegexId at = what;
      for (; nodes_[at].kind == Kind::kCat; at = nodes_[at].b) parts.push_back(nodes_[at].a);
      RegexId result = before(at, last);
      bool behind_nullable = nodes_[at].nullable;
      for (std::size_t i = parts.size(); i-- > 0;) {
        result = cat(parts[i], result);
        if (behind_nullable) result = alt(result, before(parts[i], last));
        behind_nullable = behind_nullable && nodes_[parts[i]].nullable;
      }
      return result;
    }
    case Kind::kAlt:
    case Kind::kBoth: {
      std::vector<RegexId> parts;
      for (std::uint32_t i = 0; i < node.b; ++i) parts.push_back(before(lists_[node.a + i], last));
      return node.kind == Kind::kAlt ? alt(parts) : both(parts);
    }
    case Kind::kExcept: return except(before(node.a, last));
    case Kind::kRepeat: return cat(repeat(node.a, less_one(node.least), less_one(node.most)), before(node.a, last));
  }
  return kNever;
}

RegexId Regexes::without(RegexId what, unsigned byte) {
  spend(1);
  if (exhausted_) return kNever;
  const Node node = nodes_[what];
  switch (node.kind) {
    case Kind::kNever:
    case Kind::kEmpty:
    case Kind::kNumber: return what;
    case Kind::kBytes: {
      ByteSet rest = sets_[node.a];
      rest.remove(byte);
      return bytes(rest);
    }
    case Kind::kCat: {
      std::vector<RegexId> parts;  // a chain is as long as its text
      RegexId at = what;
      for (; nodes_[at].kind == Kind::kCat; at = nodes_[at].b) parts.push_back(nodes_[at].a);
      RegexId result = without(at, byte);
      for (std::size_t i = parts.size(); i-- > 0 && result != kNever;) result = cat(without(parts[i], byte), result);
      return result;
    }
    case Kind::kAlt:
    case Kind::kBoth: {
      std::vector<RegexId> parts;
      for (std::uint32_t i = 0; i < node.b; ++i) parts.push_back(without(lists_[node.a + i], byte));
      return node.kind == Kind::kAlt ? alt(parts) : both(parts);
    }
    case Kind::kExcept: return except(without(node.a, byte));
    case Kind::kRepeat: return repeat(without(node.a, byte), node.least, node.most);
  }
  return what;
}

RegexId Regexes::clamped(RegexId what, std::uint32_t length) {
  spend(1);
  if (exhausted_) return what;
  const std::uint64_t key = std::uint64_t{length} << 32U | what;
  if (const auto known = clamped_.find(key); known != clamped_.end()) return known->second;
  const Node node = nodes_[what];
  RegexId result = what;
  switch (node.kind) {
    case Kind::kNever:
    case Kind::kEmpty:
    case Kind::kBytes:
    case Kind::kNumber: break;
    case Kind::kCat: {
      std::vector<RegexId> parts;
      RegexId at = what;
      // What stands behind more bytes than count stays as it is.
      for (std::uint32_t i = 0; nodes_[at].kind == Kind::kCat && i <= length; at = nodes_[at].b, ++i) {
        parts.push_back(nodes_[at].a);
      }
      RegexId chain = nodes_[at].kind == Kind::kCat ? at : clamped(at, length);
      for (std::size_t i = parts.size(); i-- > 0;) chain = cat(clamped(parts[i], length), chain);
      result = chain;
      break;
    }
    case Kind::kAlt:
    case Kind::kBoth: {
      std::vector<RegexId> parts;
      for (std::uint32_t i = 0; i < node.b; ++i) parts.push_back(clamped(lists_[node.a + i], length));
      result = node.kind == Kind::kAlt ? alt(parts) : both(parts);
      break;
    }
    case Kind::kExcept: result = except(clamped(node.a, length)); break;
    case Kind::kRepeat: {
      const std::uint32_t least = std::min(node.least, length + 1);
      const std::uint32_t most = node.most > length ? kNoLimit : node.most;
      result = repeat(clamped(node.a, length), least, most);
      break;
    }
  }
  if (exhausted_) return what;
  clamped_.emplace(key, result);
  return result;
}

RegexId Regexes::after(RegexId what, std::string_view text) {
  spend(text.size() / 8 + 1);
  for (const char c : text) {
    if (what == kNever) break;
    what = after(what, static_cast<unsigned char>(c));
  }
  return what;
}

// Bytes that no part of the front tells apart get the same number.
void Regexes::mix_front(RegexId what, std::array<std::uint64_t, 256>& classes) {
  while (!exhausted_) {
    spend(1);
    const Node& node = nodes_[what];
    switch (node.kind) {
      case Kind::kNever:
      case Kind::kEmpty: return;
      case Kind::kBytes:
        spend(kTableSteps);
        for (unsigned byte = 0; byte < 256; ++byte) {
          if (sets_[node.a].has(byte)) classes[byte] = text::mix(classes[byte] + node.a + 1);
        }
        return;
      case Kind::kNumber:
        for (unsigned byte = '-'; byte <= '9'; ++byte) classes[byte] = text::mix(classes[byte] + (byte << 8U));
        return;
      case Kind::kAlt:
      case Kind::kBoth:
        for (const RegexId one : list(node)) mix_front(one, classes);
        return;
      case Kind::kExcept:
      case Kind::kRepeat: what = node.a; continue;
      case Kind::kCat:
        mix_front(node.a, classes);
        if (!nodes_[node.a].nullable) return;
        what = node.b;
        continue;
    }
  }
}

const Regexes::Table& Regexes::table(RegexId what) {
  if (tables_[what] != nullptr) return *tables_[what];
  spend(kTableSteps);
  std::array<std::uint64_t, 256> classes{};
  mix_front(what, classes);
  auto table = std::make_unique<Table>();
  std::vector<std::pair<std::uint64_t, RegexId>> known;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto same = std::ranges::find(known, classes[byte], [](const auto& one) { return one.first; });
    if (same != known.end()) {
      (*table)[byte] = same->second;
    } else {
      (*table)[byte] = derive(what, byte);
      known.emplace_back(classes[byte], (*table)[byte]);
    }
  }
  tables_[what] = std::move(table);
  return *tables_[what];
}

RegexId Regexes::derive(RegexId what, unsigned byte) {
  spend(1);
  if (exhausted_) return kNever;
  const Node node = nodes_[what];
  switch (node.kind) {
    case Kind::kNever:
    case Kind::kEmpty: return kNever;
    case Kind::kBytes: return sets_[node.a].has(byte) ? kEmpty : kNever;
    case Kind::kCat: {
      RegexId result = kNever;
      for (RegexId at = what;;) {
        spend(1);
        const Node part = nodes_[at];
        if (part.kind != Kind::kCat) return alt(result, derive(at, byte));
        result = alt(result, cat(derive(part.a, byte), part.b));
        if (!nodes_[part.a].nullable) return result;
        at = part.b;
      }
    }
    case Kind::kAlt:
    case Kind::kBoth: {
      std::vector<RegexId> parts(node.b);
      for (std::uint32_t i = 0; i < node.b; ++i) {
        parts[i] = derive(lists_[node.a + i], byte);
        if (node.kind == Kind::kBoth && parts[i] == kNever) return kNever;
      }
      return node.kind == Kind::kAlt ? alt(parts) : both(parts);
    }
    case Kind::kExcept: return except(derive(node.a, byte));
    case Kind::kRepeat: return cat(derive(node.a, byte), repeat(node.a, less_one(node.least), less_one(node.most)));
    case Kind::kNumber: {
      spend(4);
      NumberState state = numbers_[node.a];
      const NumberLanguage& language = languages_[state.language];
      if (!advance(language, state, byte)) return kNever;
      if (!language.bounded() && !reachable(language, state)) return kNever;
      // Equal states are one expression: the index compares places, so a state has one place.
      return intern({.kind = Kind::kNumber,
                     .nullable = complete(language, state),
                     .plain = false,
                     .a = place_of(state),
                     .least = state.language});
    }
  }
  return kNever;
}

bool Regexes::possible(RegexId what) {
  if (nodes_[what].nullable) return true;
  if (nodes_[what].plain) return what != kNever;
  if (possible_[what] >= 0) return possible_[what] != 0;
  // Breadth first, so that the shortest text is found. All on the way back from it are possible too; where there is
  // none, nothing that was seen is.
  std::deque<RegexId> queue{what};
  std::unordered_map<RegexId, RegexId> from{{what, what}};
  while (!queue.empty()) {
    const RegexId at = queue.front();
    queue.pop_front();
    spend(kTableSteps);
    const Table& next = table(at);
    RegexId last = kNever;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const RegexId to = next[byte];
      if (to == kNever || to == last || !from.emplace(to, at).second) continue;
      last = to;
      if (nodes_[to].nullable || nodes_[to].plain || possible_[to] == 1) {
        for (RegexId back = at;; back = from[back]) {
          possible_[back] = 1;
          if (back == what) return true;
        }
      }
      if (possible_[to] != 0) queue.push_back(to);
    }
    if (from.size() > kMaxSearch) exhausted_ = true;
    if (exhausted_) return false;
  }
  for (const auto& [seen, before] : from) possible_[seen] = 0;
  return false;
}

std::size_t Regexes::count(RegexId what, std::size_t most) {
  std::size_t found = 0;
  std::deque<RegexId> queue;
  if (possible(what)) queue.push_back(what);
  std::size_t steps = 0;
  // What waits are different beginnings, each of a text that none of the others begins.
  while (!queue.empty() && found + queue.size() < most && !exhausted_) {
    const RegexId at = queue.front();
    queue.pop_front();
    spend(kTableSteps);
    if (nodes_[at].nullable) ++found;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const RegexId to = after(at, byte);
      if (to != kNever && possible(to)) queue.push_back(to);
    }
    if (++steps > kMaxSearch) exhausted_ = true;
  }
  return std::min(found + queue.size(), most);
}

}  // namespace moxie::constraint
