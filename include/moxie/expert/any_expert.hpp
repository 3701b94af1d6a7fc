// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <moxie/core/guard.hpp>
#include <moxie/expert/expert.hpp>

namespace moxie::inline abi1 {

/// An expert as a table of functions over an object: what crosses the border of a shared library.
///
/// `size` and `version` are set by whoever made the table, from the header that he was built with.
/// Members are only ever added at the end; a change of meaning raises kVersion.
///
/// Errors   no function throws.
/// Threads  as Expert: every function may be called from any thread.
struct ExpertTable {
  static constexpr std::uint32_t kVersion = 1;

  std::uint32_t size = sizeof(ExpertTable);
  std::uint32_t version = kVersion;
  std::size_t (*width)(const void* self) noexcept = nullptr;
  std::size_t (*scratch_bytes)(const void* self, std::size_t T) noexcept = nullptr;
  Status (*run)(const void* self, ConstRows x, Rows y, Workspace& ws) noexcept = nullptr;
};

/// Any expert behind one type, chosen at run time. It is an Expert itself, so an ExpertBank<AnyExpert>
/// holds experts of every kind.
///
///     AnyExpert expert = AnyExpert::create(Doubler{}).value();
///
/// A copy is a second handle on the same expert. There is no empty AnyExpert: a move copies.
///
/// Errors   create: kNoMemory.  share, adopt: kInvalidArgument for null.  adopt: kUnsupported for a
///          table of another version, or one that is too short.  run: as the expert; kHostException
///          where it throws.
/// Threads  as Expert.
class AnyExpert {
 public:
  /// Takes the expert over.
  template <Expert E>
  static Result<AnyExpert> create(E expert) noexcept {
    if constexpr (std::is_same_v<E, AnyExpert>) {
      return expert;
    } else {
      MOXIE_TRY_LET(std::shared_ptr<const E> object, make_shared_value("AnyExpert::create", std::move(expert)));
      return AnyExpert(std::move(object), &kTableOf<E>);
    }
  }

  /// Shares an expert with the host.
  template <Expert E>
  static Result<AnyExpert> share(std::shared_ptr<const E> expert) noexcept {
    if (expert == nullptr) return Status(Code::kInvalidArgument, "AnyExpert::share", "an expert", "null");
    return AnyExpert(std::move(expert), &kTableOf<E>);
  }

  /// Takes a table and its object as they are. The table must live as long as the object.
  static Result<AnyExpert> adopt(const ExpertTable* table, std::shared_ptr<const void> object) noexcept {
    if (table == nullptr || object == nullptr) {
      return Status(Code::kInvalidArgument, "AnyExpert::adopt", "a table and an object",
                    table == nullptr ? "no table" : "no object");
    }
    if (table->version != ExpertTable::kVersion || table->size < sizeof(ExpertTable)) {
      return Status(Code::kUnsupported, "AnyExpert::adopt",
                    Text("a table of version ", ExpertTable::kVersion, " and ", sizeof(ExpertTable), " bytes"),
                    Text("version ", table->version, " and ", table->size, " bytes"));
    }
    if (table->width == nullptr || table->scratch_bytes == nullptr || table->run == nullptr) {
      return Status(Code::kInvalidArgument, "AnyExpert::adopt", "every function of the table", "a null function");
    }
    return AnyExpert(std::move(object), table);
  }

  AnyExpert(const AnyExpert&) noexcept = default;
  AnyExpert& operator=(const AnyExpert&) noexcept = default;
  ~AnyExpert() = default;

  [[nodiscard]] std::size_t width() const noexcept { return table_->width(object_.get()); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return table_->scratch_bytes(object_.get(), T);
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
  static constexpr ExpertTable kTableOf{
      .width = [](const void* self) noexcept { return as<E>(self).width(); },
      .scratch_bytes = [](const void* self, std::size_t T) noexcept { return as<E>(self).scratch_bytes(T); },
      .run =
          [](const void* self, ConstRows x, Rows y, Workspace& ws) noexcept {
            return guarded("AnyExpert::run", [&] { return as<E>(self).run(x, y, ws); });
          }};

  std::shared_ptr<const void> object_;
  const ExpertTable* table_;
};

static_assert(Expert<AnyExpert>);

}  // namespace moxie
