// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/toolbox.hpp>

#include <algorithm>

namespace moxie::inline abi1 {

Toolbox::~Toolbox() = default;

const Toolbox::Entry* Toolbox::find(std::string_view name) const noexcept {
  const auto entry = std::find_if(tools_.begin(), tools_.end(), [&](const Entry& e) { return e.tool.name() == name; });
  return entry == tools_.end() ? nullptr : &*entry;
}

Status Toolbox::no_such_tool(std::string_view where, std::string_view name, bool granted_only) const {
  std::string known;
  for (const Entry& entry : tools_) {
    if (entry.granted || !granted_only) known.append(known.empty() ? "one of " : ", ").append(entry.tool.name());
  }
  return Status(Code::kNotFound, where, known.empty() ? "a tool, of which there is none" : known,
                Text("'", name.substr(0, 100), "'"));
}

Status Toolbox::add(Result<AnyTool> tool) noexcept {
  if (!tool.ok()) return tool.status();
  return guarded("Toolbox::add", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    if (find(tool->name()) != nullptr) {
      return Status(Code::kInvalidArgument, "Toolbox::add", "a tool of another name", tool->name());
    }
    tools_.push_back({.tool = *std::move(tool)});
    return {};
  });
}

Status Toolbox::grant(std::string_view name) noexcept {
  return guarded("Toolbox::grant", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    const auto entry =
        std::find_if(tools_.begin(), tools_.end(), [&](const Entry& e) { return e.tool.name() == name; });
    if (entry == tools_.end()) return no_such_tool("Toolbox::grant", name, false);
    entry->granted = true;
    return {};
  });
}

Status Toolbox::revoke(std::string_view name) noexcept {
  return guarded("Toolbox::revoke", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    const auto entry =
        std::find_if(tools_.begin(), tools_.end(), [&](const Entry& e) { return e.tool.name() == name; });
    if (entry == tools_.end()) return no_such_tool("Toolbox::revoke", name, false);
    entry->granted = false;
    return {};
  });
}

bool Toolbox::granted(std::string_view name) const noexcept {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(name);
  return entry != nullptr && entry->granted;
}

Result<std::vector<std::string>> Toolbox::names() const noexcept {
  std::vector<std::string> result;
  MOXIE_TRY(guarded("Toolbox::names", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : tools_) result.emplace_back(entry.tool.name());
    return {};
  }));
  return result;
}

Result<std::string> Toolbox::schemas() const noexcept {
  std::string result;
  MOXIE_TRY(guarded("Toolbox::schemas", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    ResultText text(static_cast<std::size_t>(-1));
    text.add("[");
    bool first = true;
    for (const Entry& entry : tools_) {
      if (!entry.granted) continue;
      text.add(std::exchange(first, false) ? R"({"type":"function","function":{"name":)"
                                           : R"(,{"type":"function","function":{"name":)");
      text.quote(entry.tool.name());
      text.add(R"(,"description":)");
      text.quote(entry.tool.description());
      text.add(R"(,"parameters":)");
      text.add(entry.tool.parameters());
      text.add("}}");
    }
    text.add("]");
    result = text.take();
    return {};
  }));
  return result;
}

Result<std::vector<ToolRecord>> Toolbox::records() const noexcept {
  std::vector<ToolRecord> result;
  MOXIE_TRY(guarded("Toolbox::records", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    result.reserve(records_.size());
    for (const Slot& slot : records_) result.push_back(slot.record);
    return {};
  }));
  return result;
}

Result<std::vector<ToolRecord>> Toolbox::take_records() noexcept {
  std::vector<ToolRecord> result;
  MOXIE_TRY(guarded("Toolbox::take_records", [&]() -> Status {
    const std::lock_guard lock(mutex_);
    result.reserve(records_.size());
    std::erase_if(records_, [&](Slot& slot) {
      if (slot.record.verdict == ToolVerdict::kRunning) return false;
      record_bytes_ -= slot.charged;
      result.push_back(std::move(slot.record));
      return true;
    });
    return {};
  }));
  return result;
}

}  // namespace moxie
