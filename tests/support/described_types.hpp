// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <moxie/tool/tool.hpp>

// Types of a host that tests use in tools.

namespace moxie::test {

enum class Unit : std::uint8_t { kMetric, kImperial, kNameless };

struct Place {
  std::string city;
  std::optional<std::string> country;
};

struct Trip {
  std::vector<Place> places;
  Unit unit = Unit::kMetric;
  double price = 0;
};

}  // namespace moxie::test

template <>
inline constexpr auto moxie::described<moxie::test::Unit> = moxie::enumerators<moxie::test::Unit>(
    {{"metric", moxie::test::Unit::kMetric}, {"imperial \"old\"", moxie::test::Unit::kImperial}});

template <>
inline constexpr auto moxie::described<moxie::test::Place> =
    moxie::members(moxie::member<"city", "Its name">(&moxie::test::Place::city),
                   moxie::member<"country">(&moxie::test::Place::country));

template <>
inline constexpr auto moxie::described<moxie::test::Trip> =
    moxie::members(moxie::member<"places">(&moxie::test::Trip::places), moxie::member<"unit">(&moxie::test::Trip::unit),
                   moxie::member<"price">(&moxie::test::Trip::price));
