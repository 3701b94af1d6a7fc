// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <moxie/core/function_table.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/expert/expert.hpp>

namespace moxie::inline abi1 {

/// An expert as a table of functions over an object: what crosses the border of a shared library.
///
/// core/function_table.hpp says how tables of different headers get along.
///
/// Errors   no function throws.
/// Threads  as Expert: every function may be called from any thread.
struct ExpertTable {
  static constexpr std::uint32_t kVersion = 2;

  std::uint32_t size = sizeof(ExpertTable);
  std::uint32_t version = kVersion;
  std::size_t (*width)(const void* self) noexcept = nullptr;
  Status (*run)(const void* self, ConstRows x, Rows y, Workspace& ws) noexcept = nullptr;
  /// Optional. Absent: 0, run needs no scratch.
  std::size_t (*scratch_bytes)(const void* self, std::size_t T) noexcept = nullptr;
};

/// Any expert behind one type, chosen at run time. It is an Expert itself, so an ExpertBank<AnyExpert>
/// holds experts of every kind.
///
///     AnyExpert expert = AnyExpert::create(Doubler{}).value();
///
/// A copy is a second handle on the same expert. There is no empty AnyExpert: a move copies.
///
/// Errors   create: kNoMemory.  share: kInvalidArgument for null.  adopt: as check_table().
///          run: as the expert; kHostException where it throws.
/// Threads  as Expert.
class AnyExpert {
 public:
  /// Takes the expert over.
  template <Expert E>
  MOXIE_OPTION_TAG static Result<AnyExpert> create(E expert) noexcept {
    if constexpr (std::is_same_v<E, AnyExpert>) {
      return expert;
    } else {
      MOXIE_TRY_LET(std::shared_ptr<const E> object, make_shared_value("AnyExpert::create", std::move(expert)));
      return AnyExpert(std::move(object), &kTableOf<E>);
    }
  }

  /// Shares an expert with the host.
  template <Expert E>
  MOXIE_OPTION_TAG static Result<AnyExpert> share(std::shared_ptr<const E> expert) noexcept {
    if (expert == nullptr) return Status(Code::kInvalidArgument, "AnyExpert::share", "an expert", "null");
    return AnyExpert(std::move(expert), &kTableOf<E>);
  }

  /// Takes a table and its object as they are. The table must live as long as the object.
  static Result<AnyExpert> adopt(const ExpertTable* table, std::shared_ptr<const void> object) noexcept {
    MOXIE_TRY(check_table("AnyExpert::adopt", table, object.get(), &ExpertTable::width, &ExpertTable::run));
    return AnyExpert(std::move(object), table);
  }

  AnyExpert(const AnyExpert&) noexcept = default;
  AnyExpert& operator=(const AnyExpert&) noexcept = default;
  ~AnyExpert() = default;

  [[nodiscard]] std::size_t width() const noexcept { return table_->width(object_.get()); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    const auto scratch_bytes = optional_function(table_, &ExpertTable::scratch_bytes);
    return scratch_bytes == nullptr ? 0 : scratch_bytes(object_.get(), T);
  }
  Status run(ConstRows x, Rows y, Workspace& ws) const noexcept { return table_->run(object_.get(), x, y, ws); }

 private:
  AnyExpert(std::shared_ptr<const void> object, const ExpertTable* table) noexcept
      : object_(std::move(object)), table_(table) {}

  template <class E>
  static const E& as(const void* self) noexcept {
    return *static_cast<const E*>(self);
  }

  template <class E>
  MOXIE_OPTION_TAG static Status run_guarded(const void* self, ConstRows x, Rows y, Workspace& ws) noexcept {
    return guarded("AnyExpert::run", [&] { return as<E>(self).run(x, y, ws); });
  }

  template <class E>
  MOXIE_OPTION_TAG static constexpr ExpertTable kTableOf{
      .width = [](const void* self) noexcept { return as<E>(self).width(); },
      .run = &run_guarded<E>,
      .scratch_bytes = [](const void* self, std::size_t T) noexcept { return as<E>(self).scratch_bytes(T); }};

  std::shared_ptr<const void> object_;
  const ExpertTable* table_;
};

static_assert(Expert<AnyExpert>);

}  // namespace moxie
