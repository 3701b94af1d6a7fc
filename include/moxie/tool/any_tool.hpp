// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <moxie/core/guard.hpp>
#include <moxie/tool/tool.hpp>

namespace moxie::inline abi1 {

/// Any tool behind one type: a table of functions over an object, as ToolTable says, and two texts.
///
/// core/function_table.hpp says how tables of different headers get along.
///
/// Errors   no function throws.
/// Threads  run may be called from many threads at once.
struct ToolTable {
  static constexpr std::uint32_t kVersion = 1;

  std::uint32_t size = sizeof(ToolTable);
  std::uint32_t version = kVersion;
  /// The JSON schema of the arguments: an object's.
  std::string_view (*parameters)(const void* self) noexcept = nullptr;
  Status (*run)(const void* self, format::JsonValue arguments, const ToolControl& control, ResultText& text,
                bool& ran) noexcept = nullptr;
};

/// A tool of any type. A copy is a second handle on the same tool.
///
/// Errors   create: kNoMemory.  run: as the tool; kHostException where it throws.
/// Threads  as ToolTable.
class AnyTool {
 public:
  template <class F>
  MOXIE_OPTION_TAG static Result<AnyTool> create(Tool<F> tool) noexcept {
    const std::string_view name = tool.name();
    const std::string_view description = tool.description();
    MOXIE_TRY_LET(std::shared_ptr<const Tool<F>> object, make_shared_value("AnyTool::create", std::move(tool)));
    return AnyTool(name, description, std::move(object), &kTableOf<F>);
  }

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view description() const noexcept { return description_; }
  [[nodiscard]] std::string_view parameters() const noexcept { return table_->parameters(object_.get()); }
  Status run(format::JsonValue arguments, const ToolControl& control, ResultText& text, bool& ran) const noexcept {
    return table_->run(object_.get(), arguments, control, text, ran);
  }

 private:
  AnyTool(std::string_view name, std::string_view description, std::shared_ptr<const void> object,
          const ToolTable* table) noexcept
      : name_(name), description_(description), object_(std::move(object)), table_(table) {}

  template <class F>
  MOXIE_OPTION_TAG static Status run_guarded(const void* self, format::JsonValue arguments, const ToolControl& control,
                                             ResultText& text, bool& ran) noexcept {
    const auto& tool = *static_cast<const Tool<F>*>(self);
    return guarded(tool.name(), [&] { return tool.run(arguments, control, text, ran); });
  }

  template <class F>
  MOXIE_OPTION_TAG static constexpr ToolTable kTableOf{
      .parameters = [](const void*) noexcept { return Tool<F>::parameters(); }, .run = &run_guarded<F>};

  // Literals of the host's program (ToolName, ToolDescription): they outlive everything but an unloaded plug-in.
  std::string_view name_;
  std::string_view description_;
  std::shared_ptr<const void> object_;
  const ToolTable* table_;
};

}  // namespace moxie
