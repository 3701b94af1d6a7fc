// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <moxie/constraint/grammar.hpp>
#include <moxie/core/guard.hpp>

#include "constraint/engine/engine.hpp"
#include "constraint/regex/pattern.hpp"

namespace moxie::inline abi1 {
namespace constraint {
namespace {

/// One rule, which reads one lexeme.
class OneLexeme final : public Network {
 public:
  [[nodiscard]] NodeId start() const override { return 0; }
  Result<const NetworkNode*> node(NodeId id) override { return &nodes_[id]; }
  bool nullable(NodeId) override { return nodes_[0].final; }
  Result<NodeId> captured(NodeId target, const std::string_view*) override { return target; }
  Regexes& regexes() override { return regexes_; }

  void set(RegexId lexeme) {
    nodes_[0] = {.rule = 0, .final = regexes_.nullable(lexeme), .edges = {{.lexeme = lexeme, .target = 1}}};
    nodes_[1] = {.rule = 0, .final = true};
  }

 private:
  Regexes regexes_;
  NetworkNode nodes_[2];
};

class RegexSource final : public GrammarSource {
 public:
  explicit RegexSource(std::string_view expression) : expression_(expression) {}
  [[nodiscard]] Result<std::unique_ptr<Network>> network() const override {
    auto network = std::make_unique<OneLexeme>();
    MOXIE_TRY_LET(const RegexId lexeme, pattern(network->regexes(), expression_, Writing::kPlain, Match::kWhole));
    network->set(lexeme);
    return std::unique_ptr<Network>(std::move(network));
  }

 private:
  std::string expression_;
};

class ChoiceSource final : public GrammarSource {
 public:
  explicit ChoiceSource(std::span<const std::string_view> texts) : texts_(texts.begin(), texts.end()) {}
  [[nodiscard]] Result<std::unique_ptr<Network>> network() const override {
    auto network = std::make_unique<OneLexeme>();
    network->set(network->regexes().any_of({texts_.begin(), texts_.end()}));
    return std::unique_ptr<Network>(std::move(network));
  }

 private:
  std::vector<std::string> texts_;
};

}  // namespace

Status check_source(const GrammarSource& source) {
  MOXIE_TRY_LET(const std::unique_ptr<Network> network, source.network());
  States states(*network, std::size_t{1} << 16U);
  MOXIE_TRY_LET(const StateId start, states.start());
  if (start == States::kDead || (!states.goes_on(start) && !states.may_end(start))) {
    return Status(Code::kInvalidArgument, "Grammar", "a grammar that has a text", "one that has none");
  }
  return {};
}

}  // namespace constraint

namespace {

template <class Source, class... Arguments>
Result<Grammar> make(const Arguments&... arguments) noexcept {
  std::shared_ptr<const constraint::GrammarSource> source;
  MOXIE_TRY(guarded("Grammar", [&]() -> Status {
    source = std::make_shared<const Source>(arguments...);
    return constraint::check_source(*source);
  }));
  return constraint::Engine::grammar(std::move(source));
}

}  // namespace

Result<Grammar> Grammar::regex(std::string_view expression) noexcept {
  return make<constraint::RegexSource>(expression);
}
Result<Grammar> Grammar::choice(std::span<const std::string_view> texts) noexcept {
  return make<constraint::ChoiceSource>(texts);
}

}  // namespace moxie
