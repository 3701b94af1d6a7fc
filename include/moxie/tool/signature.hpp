// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include <moxie/tool/arg.hpp>
#include <moxie/tool/tool_control.hpp>

// What a callable takes and gives, read off its call operator.
namespace moxie::inline abi1::detail {

template <class P>
inline constexpr bool kIsArg = false;
template <FixedString Name, class T, FixedString Description>
inline constexpr bool kIsArg<Arg<Name, T, Description>> = true;

template <class... F>
struct Fields {};

// Splits a callable's parameters into arguments and, at the end, perhaps the control.
template <class Done, class... P>
struct Parameters;

template <class... Done>
struct Parameters<Fields<Done...>> {
  using Arguments = Fields<Done...>;
  static constexpr bool kTakesControl = false;
};
template <class... Done>
struct Parameters<Fields<Done...>, const ToolControl&> {
  using Arguments = Fields<Done...>;
  static constexpr bool kTakesControl = true;
};
template <class... Done, class Next, class... Rest>
struct Parameters<Fields<Done...>, Next, Rest...> : Parameters<Fields<Done..., std::remove_cvref_t<Next>>, Rest...> {
  static_assert(kIsArg<std::remove_cvref_t<Next>>,
                "an argument without a name: a tool's parameters are moxie::Arg<\"name\", T, \"description\">, and at "
                "the end perhaps const moxie::ToolControl&");
};

template <class R, class... P>
struct SignatureOf {
  using Return = R;
  using Split = Parameters<Fields<>, P...>;
};

template <class F>
struct Signature {
  static_assert(std::is_void_v<F>, "a tool is a callable with one call operator, which is no template");
};
template <class R, class... P>
struct Signature<R (*)(P...)> : SignatureOf<R, P...> {};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : SignatureOf<R, P...> {};
template <class C, class R, class... P>
struct Signature<R (C::*)(P...) const> : SignatureOf<R, P...> {};
template <class C, class R, class... P>
struct Signature<R (C::*)(P...) const noexcept> : SignatureOf<R, P...> {};
template <class C, class R, class... P>
struct Signature<R (C::*)(P...)> : SignatureOf<R, P...> {
  static_assert(std::is_void_v<C>, "a tool must be const-callable, for it may be called from many threads at once");
};
template <class C, class R, class... P>
struct Signature<R (C::*)(P...) noexcept> : Signature<R (C::*)(P...)> {};

template <class F>
concept HasCallOperator = requires {
  &F::operator();
};

template <class F>
consteval auto signature_of() {
  if constexpr (HasCallOperator<F>) {
    return Signature<decltype(&F::operator())>();
  } else {
    return Signature<F>();
  }
}

}  // namespace moxie::detail
