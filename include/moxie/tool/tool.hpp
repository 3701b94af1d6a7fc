// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <moxie/core/result.hpp>
#include <moxie/tool/signature.hpp>

namespace moxie::inline abi1 {

namespace detail {

template <class T>
struct AnswerOf {
  using Type = T;
};
template <class T>
struct AnswerOf<Result<T>> {
  using Type = T;
};
template <class R>
inline constexpr bool kIsAnswer = std::same_as<R, Status> || ToolValue<typename AnswerOf<R>::Type>;

// A string is the answer as it is; everything else is JSON.
template <class T>
Status write_answer(ResultText& text, const T& answer) {
  if constexpr (std::same_as<T, std::string>) {
    text.add(answer);
    return {};
  } else if constexpr (std::same_as<T, Status>) {
    if (answer.ok()) text.add("ok");
    return answer;
  } else {
    return ToolType<T>::write(text, answer);
  }
}
template <class T>
Status write_answer(ResultText& text, const Result<T>& answer) {
  return answer.ok() ? write_answer(text, *answer) : answer.status();
}

template <class F, class Arguments>
class ToolCallable;

template <class F, class... Args>
class ToolCallable<F, Fields<Args...>> {
 public:
  static_assert(have_different_names<Args...>(), "two arguments of one name");

  static consteval std::size_t schema_size() {
    SchemaCounter counter;
    put_object_schema<Args...>(counter);
    return counter.size() + 2;
  }
  static consteval auto schema() {
    SchemaText<schema_size()> text;
    text.put('{');
    put_object_schema<Args...>(text);
    text.put('}');
    return text;
  }

  template <bool TakesControl>
  MOXIE_OPTION_TAG static Status run(const F& callable, std::string_view name, format::JsonValue arguments,
                                     const ToolControl& control, ResultText& text, bool& ran) {
    static constexpr std::array<std::string_view, sizeof...(Args)> kNames{Args::kName...};
    const ValuePath path{.name = name};
    MOXIE_TRY(path.check_object(arguments, kNames));
    std::tuple<typename Args::Value...> values{};
    return std::apply(
        [&](auto&... value) -> Status {
          Status status;
          ((status.ok() ? void(status = read_field<Args>(arguments, path, value)) : void()), ...);
          MOXIE_TRY(std::move(status));
          ran = true;
          if constexpr (TakesControl) {
            return write_answer(text, callable(Args(std::move(value))..., control));
          } else {
            return write_answer(text, callable(Args(std::move(value))...));
          }
        },
        values);
  }
};

}  // namespace detail

/// A callable that a model may ask for, with its JSON schema: what tool() makes.
///
/// Errors   run: kInvalidArgument where the arguments break the schema, then `ran` stays false and nothing was called;
///          else what the callable answers.  Lets exceptions of the callable and std::bad_alloc through.
/// Threads  run may be called from many threads at once: the callable is called as const.
template <class F>
class Tool {
  using Signature = decltype(detail::signature_of<F>());
  using Callable = detail::ToolCallable<F, typename Signature::Split::Arguments>;
  static_assert(
      detail::kIsAnswer<typename Signature::Return>,
      "a tool answers a std::string, a Status, a type that moxie::ToolType knows, or a Result of one of these");
  static constexpr auto kSchema = Callable::schema();

 public:
  Tool(ToolName name, ToolDescription description, F callable)
      : name_(name), description_(description), callable_(std::move(callable)) {}

  [[nodiscard]] std::string_view name() const noexcept { return name_.view(); }
  [[nodiscard]] std::string_view description() const noexcept { return description_.view(); }
  /// The JSON schema of its arguments, made by the compiler.
  [[nodiscard]] static constexpr std::string_view parameters() noexcept { return kSchema.view(); }

  MOXIE_OPTION_TAG Status run(format::JsonValue arguments, const ToolControl& control, ResultText& text,
                              bool& ran) const {
    constexpr bool kTakesControl = Signature::Split::kTakesControl;
    return Callable::template run<kTakesControl>(callable_, name(), arguments, control, text, ran);
  }

 private:
  ToolName name_;
  ToolDescription description_;
  F callable_;
};

/// Makes a tool of any C++ callable. Its schema comes from the types and names of its parameters, at compile time:
///
///     auto weather = moxie::tool("weather", "Current weather in a city",
///                                [](moxie::Arg<"city", std::string, "Its name"> city) { return lookup(*city); });
///
/// The callable takes Args, and at the end perhaps `const ToolControl&`. It answers a std::string (the model reads it
/// as it is), a Status ("ok"), a number, bool, vector, or a described enum or struct (as JSON), or a Result of one of
/// these.
template <class F>
[[nodiscard]] Tool<F> tool(ToolName name, ToolDescription description, F callable) {
  return Tool<F>(name, description, std::move(callable));
}

}  // namespace moxie
