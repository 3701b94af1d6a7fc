// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <moxie/text/chat_template.hpp>

#include "text/template/arguments.hpp"
#include "text/template/ast.hpp"
#include "text/template/builder.hpp"
#include "text/template/format.hpp"
#include "text/template/objects.hpp"
#include "text/template/operators.hpp"

namespace moxie::inline abi1::text {

/// One rendering of one template: variables, output and what may still be spent.
///
/// Recursion is bounded by kMaxDepth evaluations inside one another, whatever macros do; the frames of that many
/// take less than half of a stack of 256 KiB (chat_template_stack_test).
class Engine {
 public:
  static constexpr int kMaxDepth = 200;

  Engine(const Ast& ast, Meter& meter, const RenderInput& input);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Value run();
  /// The line of the template that was worked on last.
  [[nodiscard]] std::uint32_t line() const noexcept { return line_; }

  [[nodiscard]] Meter& meter() noexcept { return meter_; }
  [[nodiscard]] const LocalTime& now() const noexcept { return now_; }

  // For filters, tests and methods.
  Value call(const Value& callee, Arguments& arguments);
  Value filter(std::string_view name, const Value& input, Arguments& arguments);
  bool test(std::string_view name, const Value& input, Arguments& arguments);
  /// value.name as a template writes it: a method, an attribute or a member.
  Value attribute(const Value& value, std::string_view name);
  /// value[index] as a template writes it.
  Value item(const Value& value, const Value& index);

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };
  struct Scope {
    std::uint32_t parent;
    std::uint32_t first_variable;
    std::uint64_t serial;
  };
  struct Variable {
    NameId name;
    Value value;
  };
  using Members = MeteredVector<std::pair<Value, Value>>;
  static constexpr NameId kNoName = ~NameId{0};

  class Depth;
  class InScope;
  class Capture;

  // Statements: engine.cpp.
  Flow execute(NodeId id);
  Flow execute_block(NodeId id);
  Flow execute_if(NodeId id);
  Flow execute_for(NodeId id);
  Flow run_body(NodeId id, const Value& current, const Value& loop);
  Flow execute_set_block(NodeId id);
  Flow execute_filter_block(NodeId id);
  Flow execute_with(NodeId id);
  void execute_call_block(NodeId id);
  void execute_generation(NodeId id);
  void output(NodeId id);
  void assign(NodeId target, const Value& value);
  Value macro(NodeId params, NodeId body, NameId name, const Node& node);
  Value filtered(NodeId id, const Value& sequence);
  void set_member(NodeId target, const Value& value);
  void define_builtins(NameId name);
  void set(NameId name, Value value);

  // Expressions: engine_expressions.cpp.
  Value evaluate(NodeId id);
  Value lookup(NameId name);
  Value evaluate_items(NodeId id, Shape shape);
  Value evaluate_map(NodeId id);
  Value evaluate_arithmetic(NodeId id);
  Value evaluate_concat(NodeId id);
  Value evaluate_compare(NodeId id);
  Value evaluate_item(NodeId id);
  Value evaluate_call(NodeId id, const Value* caller);
  Value evaluate_filter(NodeId id);
  Value evaluate_test(NodeId id);
  void evaluate_arguments(NodeId id, Arguments& into);

  // Calls: engine_calls.cpp.
  Value call_macro(const MacroData& macro, Arguments& arguments);
  Value call_function(Function function, Arguments& arguments);
  Value loop_attribute(const LoopData& loop, std::string_view name);
  Value make_namespace(Arguments& arguments);
  Value make_dict(Arguments& arguments);
  Value make_range(Arguments& arguments);

  const Ast& ast_;
  Meter& meter_;
  LocalTime now_;
  Builder* out_ = nullptr;
  Value captured_;
  MeteredVector<Scope> scopes_;
  MeteredVector<Variable> variables_;
  NameId loop_name_ = kNoName;
  NameId caller_name_ = kNoName;
  NameId varargs_name_ = kNoName;
  NameId kwargs_name_ = kNoName;
  MeteredVector<Members> namespaces_;
  std::uint64_t serial_ = 0;
  int depth_ = 0;
  std::uint32_t line_ = 0;
};

/// One evaluation inside another.
class Engine::Depth {
 public:
  explicit Depth(Engine& engine) : engine_(engine) {
    if (++engine_.depth_ > kMaxDepth) too_deep();
  }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;
  ~Depth() { --engine_.depth_; }

 private:
  [[noreturn]] void too_deep();
  Engine& engine_;
};

/// Variables that are gone when it is.
class Engine::InScope {
 public:
  explicit InScope(Engine& engine) : InScope(engine, static_cast<std::uint32_t>(engine.scopes_.size() - 1)) {}
  InScope(Engine& engine, std::uint32_t parent) : engine_(engine) {
    const auto first = static_cast<std::uint32_t>(engine.variables_.size());
    engine.scopes_.push_back({parent, first, ++engine.serial_});
  }
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;
  ~InScope() {
    const std::uint32_t first = engine_.scopes_.back().first_variable;
    while (engine_.variables_.size() > first) engine_.variables_.pop_back();
    engine_.scopes_.pop_back();
  }

 private:
  Engine& engine_;
};

/// What is written meanwhile becomes a string instead of output.
class Engine::Capture {
 public:
  explicit Capture(Engine& engine) : engine_(engine), builder_(engine.meter_), before_(engine.out_) {
    engine.out_ = &builder_;
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() { engine_.out_ = before_; }
  Value done() { return builder_.done(); }

 private:
  Engine& engine_;
  Builder builder_;
  Builder* before_;
};

}  // namespace moxie::text
