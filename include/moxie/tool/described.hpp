// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>

#include <moxie/tool/literal.hpp>

namespace moxie::inline abi1 {

/// How an enum or a struct of the host appears in JSON. Specialised by whoever wants to use one in a tool:
///
///     enum class Unit { kMetric, kImperial };
///     template <>
///     inline constexpr auto moxie::described<Unit> =
///         moxie::enumerators<Unit>({{"metric", Unit::kMetric}, {"imperial", Unit::kImperial}});
///
///     struct Place { std::string city; std::optional<std::string> country; };
///     template <>
///     inline constexpr auto moxie::described<Place> =
///         moxie::members(moxie::member<"city", "Its name">(&Place::city), moxie::member<"country">(&Place::country));
///
/// A struct must be default-constructible and its members assignable; it cannot contain itself.
struct Undescribed {};
template <class T>
inline constexpr Undescribed described{};

/// One value of an enum and its name.
template <class E>
struct Enumerator {
  std::string_view name;
  E value;
};

template <class E, std::size_t N>
struct Enumerators {
  std::array<Enumerator<E>, N> list;
};

namespace detail {
void an_enumerators_name_is_plain_text_of_its_own();
}  // namespace detail

template <class E, std::size_t N>
consteval Enumerators<E, N> enumerators(const Enumerator<E> (&list)[N]) {
  Enumerators<E, N> result{};
  for (std::size_t i = 0; i < N; ++i) {
    if (list[i].name.empty() || !detail::is_plain_text(list[i].name)) {
      detail::an_enumerators_name_is_plain_text_of_its_own();
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (list[i].name == list[j].name) detail::an_enumerators_name_is_plain_text_of_its_own();
    }
    result.list[i] = list[i];
  }
  return result;
}

/// One member of a struct: a field with a name, a type and perhaps a description, as Arg is.
template <FixedString Name, FixedString Description, class S, class T>
struct Member {
  using Value = T;
  static constexpr std::string_view kName = Name.view();
  static constexpr std::string_view kDescription = Description.view();
  static_assert(!kName.empty() && detail::is_plain_text(kName), "a member needs a name of plain text");
  static_assert(detail::is_plain_text(kDescription), "a member's description is plain UTF-8 text");

  T S::*pointer;
};

template <FixedString Name, FixedString Description = "", class S, class T>
constexpr Member<Name, Description, S, T> member(T S::*pointer) noexcept {
  return {pointer};
}

template <class... Fields>
struct Members {
  std::tuple<Fields...> fields;
};

namespace detail {

// Whether the names of fields differ: members of a struct, arguments of a tool.
template <class... Fields>
consteval bool have_different_names() {
  const std::array<std::string_view, sizeof...(Fields) + 1> names{Fields::kName...};
  for (std::size_t i = 0; i < sizeof...(Fields); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) return false;
    }
  }
  return true;
}

}  // namespace detail

template <class... Fields>
constexpr Members<Fields...> members(Fields... fields) noexcept {
  static_assert(detail::have_different_names<Fields...>(), "two members of one name");
  return {{fields...}};
}

}  // namespace moxie
