// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/constraint/matcher.hpp>
#include <moxie/text/tokenizer.hpp>

#include "commands.hpp"
#include "files.hpp"
#include "output.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

/// One instance through the masks, token by token as the tokenizer cuts it.
struct Walked {
  std::size_t tokens = 0;
  std::size_t forced = 0;   ///< tokens that were the only ones allowed
  std::size_t reached = 0;  ///< bytes that fit
  bool accepted = false;
  std::vector<double> mask_us;
};

Status walk(Matcher matcher, const Tokenizer& tokenizer, const Vocabulary& vocabulary, std::string_view text,
            Walked& out) {
  MOXIE_TRY_LET(const std::vector<TokenId> tokens, tokenizer.encode(text, EncodeOptions::plain_text()));
  std::vector<std::uint64_t> words((vocabulary.size() + 63) / 64);
  for (const TokenId token : tokens) {
    const auto begin = Clock::now();
    MOXIE_TRY(matcher.allowed(words));
    out.mask_us.push_back(microseconds(Clock::now() - begin));
    std::size_t allowed = 0;
    for (const std::uint64_t word : words) allowed += static_cast<std::size_t>(std::popcount(word));
    if (allowed == 1 && !matcher.may_end()) ++out.forced;
    ++out.tokens;
    std::size_t taken = 0;
    const Status status = matcher.accept_bytes(vocabulary.bytes(token), &taken);
    out.reached += taken;
    if (status.code() == Code::kInvalidArgument) return {};
    MOXIE_TRY(Status(status));
  }
  out.accepted = matcher.may_end();
  return {};
}

double at_share(std::vector<double> times, double share) {
  if (times.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(times.size() - 1));
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
  return times[at];
}

}  // namespace

Status run_constrain(const Constrain& options) {
  MOXIE_TRY_LET(const Tokenizer tokenizer, Tokenizer::load(options.model));
  MOXIE_TRY_LET(const Vocabulary vocabulary, Vocabulary::create(tokenizer));
  MOXIE_TRY_LET(const std::string schema, read_file(options.schema));
  MOXIE_TRY_LET(const std::string instances, read_file(options.instances));
  const auto begin = Clock::now();
  MOXIE_TRY_LET(const Grammar grammar,
                Grammar::json_schema(schema, {.any_order = options.any_order, .max_blanks = options.max_blanks}));
  MOXIE_TRY_LET(Matcher matcher, Matcher::create(grammar, vocabulary));
  std::vector<std::uint64_t> words((vocabulary.size() + 63) / 64);
  MOXIE_TRY(matcher.allowed(words));
  const double first_us = microseconds(Clock::now() - begin);

  std::vector<double> times;
  std::size_t tokens = 0;
  std::size_t forced = 0;
  Json list = Json::array();
  for (std::size_t at = 0, line = 1; at < instances.size(); ++line) {
    const std::size_t end = std::min(instances.find('\n', at), instances.size());
    const std::string_view text = std::string_view(instances).substr(at, end - at);
    at = end + 1;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Walked walked;
    MOXIE_TRY(walk(matcher, tokenizer, vocabulary, text, walked));
    times.insert(times.end(), walked.mask_us.begin(), walked.mask_us.end());
    tokens += walked.tokens;
    forced += walked.forced;
    Json one = {{"line", line}, {"accepted", walked.accepted}, {"tokens", walked.tokens}};
    if (!walked.accepted) one["byte"] = walked.reached + 1;
    list.push_back(one);
    if (!options.json) {
      print(walked.accepted ? "accepted\n" : "refused at byte " + std::to_string(walked.reached + 1) + "\n");
    }
  }
  double sum = 0;
  for (const double time : times) sum += time;
  const Json figures = {{"first_mask_us", first_us},
                        {"masks", times.size()},
                        {"mask_average_us", times.empty() ? 0 : sum / static_cast<double>(times.size())},
                        {"mask_p50_us", at_share(times, 0.5)},
                        {"mask_p99_us", at_share(times, 0.99)},
                        {"forced_share", tokens == 0 ? 0 : static_cast<double>(forced) / static_cast<double>(tokens)}};
  if (options.json) {
    print_json({{"instances", list}, {"figures", figures}});
  } else {
    print(figures.dump() + "\n");
  }
  return {};
}

}  // namespace moxie::program
