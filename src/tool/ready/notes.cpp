// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/notes.hpp>

#include <moxie/core/guard.hpp>
#include <moxie/tool/ready.hpp>

namespace moxie::inline abi1::tools {

Notes::~Notes() = default;

Status Notes::put(std::string_view key, std::string_view text) noexcept {
  return guarded("remember", [&]() -> Status {
    if (key.empty() || key.size() > limits_.max_key_bytes) {
      return Status(Code::kInvalidArgument, "remember", Text("a key of 1 to ", limits_.max_key_bytes, " bytes"),
                    Text(key.size()));
    }
    const std::lock_guard lock(mutex_);
    const auto old = notes_.find(key);
    const std::size_t freed = old == notes_.end() ? 0 : old->first.size() + old->second.size();
    if (old == notes_.end() && notes_.size() >= limits_.max_notes) {
      return Status(Code::kBudget, "remember", Text("at most ", limits_.max_notes, " notes"), "one more");
    }
    const std::size_t left = limits_.max_bytes - (bytes_ - freed);
    if (key.size() > left || text.size() > left - key.size()) {
      return Status(Code::kBudget, "remember", Text("a note of at most ", left, " bytes with its key"),
                    Text(key.size() + text.size()));
    }
    std::string copy(text);
    if (old != notes_.end()) {
      old->second = std::move(copy);
    } else {
      notes_.emplace(key, std::move(copy));
    }
    bytes_ = bytes_ - freed + key.size() + text.size();
    return {};
  });
}

Result<std::string> Notes::get(std::string_view key) const noexcept {
  std::string text;
  MOXIE_TRY(guarded("recall", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    const auto note = notes_.find(key);
    if (note == notes_.end()) {
      return Status(Code::kNotFound, "recall", Text("the key of one of ", notes_.size(), " notes"),
                    Text("'", key.substr(0, 100), "'"));
    }
    text = note->second;
    return {};
  }));
  return text;
}

Status Notes::erase(std::string_view key) noexcept {
  const std::lock_guard lock(mutex_);
  const auto note = notes_.find(key);
  if (note == notes_.end()) {
    return Status(Code::kNotFound, "Notes::erase", "the key of a note", Text("'", key.substr(0, 100), "'"));
  }
  bytes_ -= note->first.size() + note->second.size();
  notes_.erase(note);
  return {};
}

Result<std::vector<std::string>> Notes::keys() const noexcept {
  std::vector<std::string> keys;
  MOXIE_TRY(guarded("recall", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    keys.reserve(notes_.size());
    for (const auto& [key, text] : notes_) keys.push_back(key);
    return {};
  }));
  return keys;
}

Result<AnyTool> remember(std::shared_ptr<Notes> notes) noexcept {
  if (notes == nullptr) return Status(Code::kInvalidArgument, "remember", "a store of notes", "null");
  return AnyTool::create(tool("remember", "Keeps a note for later. A note under the same key is replaced.",
                              [notes = std::move(notes)](Arg<"key", std::string, "A short name for the note"> key,
                                                         Arg<"text", std::string, "What to remember"> text) {
                                return notes->put(*key, *text);
                              }));
}

Result<AnyTool> recall(std::shared_ptr<const Notes> notes) noexcept {
  if (notes == nullptr) return Status(Code::kInvalidArgument, "recall", "a store of notes", "null");
  const auto answer =
      [notes = std::move(notes)](
          Arg<"key", std::optional<std::string>, "The note's name; without it, all names are listed"> key)
      -> Result<std::string> {
    if (*key) return notes->get(**key);
    MOXIE_TRY_LET(const std::vector<std::string> keys, notes->keys());
    ResultText text(static_cast<std::size_t>(-1));
    MOXIE_TRY(ToolType<std::vector<std::string>>::write(text, keys));
    return text.take();
  };
  return AnyTool::create(tool("recall", "Reads a note that was kept with remember.", answer));
}

}  // namespace moxie::tools
