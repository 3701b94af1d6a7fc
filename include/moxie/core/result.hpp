// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

#if MOXIE_HAS_EXCEPTIONS
/// What `Result::value()` throws for those who like exceptions.
class StatusError : public std::runtime_error {
 public:
  explicit StatusError(Status status) : std::runtime_error(std::string(status.message())), status_(std::move(status)) {}
  [[nodiscard]] const Status& status() const noexcept { return status_; }

 private:
  Status status_;
};
#endif

/// A T, or the Status that says why there is none.
///
///     Result<Model> model = Model::load(path);
///     if (!model.ok()) return model.status();   // as a code
///     use(*model);
///     use(Model::load(path).value());           // as an exception
///
/// `*` and `->` on an error are the caller's mistake, as with std::optional; value() checks. Taken from a
/// temporary Result, both give the T itself, so that `for (auto& x : f().value())` is safe.
template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<std::remove_cvref_t<T>, Status>, "Result<Status> has two places for one error");

 public:
  using Value = T;

  Result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)  // NOLINT(google-explicit-constructor)
      : value_(std::move(value)) {}
  Result(Status error) noexcept : status_(std::move(error)) {  // NOLINT(google-explicit-constructor)
    if (status_.ok()) status_ = Status(Code::kInternal, "Result", "a value or an error", "an ok status");
  }

  [[nodiscard]] bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) { return *std::move(value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }

#if MOXIE_HAS_EXCEPTIONS
  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  T value() && { return check(), *std::move(value_); }
#endif

  template <class U>
  T value_or(U&& other) && {
    return ok() ? *std::move(value_) : static_cast<T>(std::forward<U>(other));
  }

 private:
#if MOXIE_HAS_EXCEPTIONS
  void check() const {
    if (!ok()) throw StatusError(status_);
  }
#endif

  std::optional<T> value_;
  Status status_;
};

}  // namespace moxie

#define MOXIE_CONCAT_INNER(a, b) a##b
#define MOXIE_CONCAT(a, b) MOXIE_CONCAT_INNER(a, b)
#define MOXIE_TRY_LET_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                                \
  if (!temporary.ok()) return temporary.status();               \
  declaration = *std::move(temporary)

/// Declares a variable from a Result, or leaves the current function with its error:
///     MOXIE_TRY_LET(const Header header, read_header(file));
#define MOXIE_TRY_LET(declaration, expression) \
  MOXIE_TRY_LET_INNER(MOXIE_CONCAT(moxie_result_, __LINE__), declaration, expression)
