// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <moxie/core/philox.hpp>

#include "commands.hpp"
#include "output.hpp"
#include "phase_totals.hpp"
#include "resident.hpp"

namespace moxie::program {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Of a machine that does nothing else, in the currency of the price.
double cost_of_million(const Bench& options, double tokens_per_second) {
  return options.price_per_hour / 3600 / tokens_per_second * 1e6;
}

/// One measurement: tokens per second of each repetition.
struct Measured {
  std::string test;
  std::vector<double> samples;
  PhaseTotals phases = {};  // of one repetition more, with --profile
};

/// Runs random tokens through contexts of one model. What they are matters little: experts are chosen anew for each.
class Stopwatch {
 public:
  Stopwatch(const Bench& options, const Model& model, Kernel& kernel)
      : options_(options), model_(model), kernel_(kernel), logits_(options.parallel * vocab()) {
    const Philox random(42);
    tokens_.resize(std::max({options.prompt, options.generate, options.depth, std::size_t{1}}) * options.parallel);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      tokens_[i] = static_cast<TokenId>(random.block(i)[0] % static_cast<std::uint32_t>(vocab()));
    }
  }

  /// The seconds that `prompt` tokens at once, then `generate` one by one take in each context, behind `depth` tokens
  /// that are not counted, by `phases` neither.
  Result<double> seconds(std::size_t prompt, std::size_t generate, PhaseTotals* phases = nullptr) {
    std::vector<Context> contexts;
    for (std::size_t i = 0; i < options_.parallel; ++i) {
      MOXIE_TRY_LET(Context context, kernel_.open(model_));
      MOXIE_TRY(context.reserve(options_.depth + prompt + generate));
      contexts.push_back(std::move(context));
    }
    if (options_.depth != 0) MOXIE_TRY(feed(contexts, 0, options_.depth));
    if (phases != nullptr) phases->clear();
    const Clock::time_point begin = Clock::now();
    if (prompt != 0) MOXIE_TRY(feed(contexts, 0, prompt));
    for (std::size_t i = 0; i < generate; ++i) MOXIE_TRY(feed(contexts, i, 1));
    return seconds_since(begin);
  }

  /// Once unmeasured: pages of the weights come in, workspaces are touched.
  Status warm_up() {
    return seconds(std::min<std::size_t>(options_.prompt, 64), std::min<std::size_t>(options_.generate, 4)).status();
  }

 private:
  [[nodiscard]] std::size_t vocab() const { return model_.config().vocab_size; }

  Status feed(std::vector<Context>& contexts, std::size_t from, std::size_t count) {
    std::vector<Request> requests(contexts.size());
    const std::size_t each = tokens_.size() / contexts.size();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].context = &contexts[i];
      requests[i].tokens = std::span(tokens_).subspan(i * each + from, count);
      requests[i].logits = Rows(logits_.data() + i * vocab(), 1, vocab());
    }
    for (bool more = true; more;) {
      MOXIE_TRY_LET(const StepReport report, kernel_.step(requests));
      more = report.unfinished != 0;
    }
    for (const Request& done : requests) MOXIE_TRY(done.status);
    return {};
  }

  const Bench& options_;
  const Model& model_;
  Kernel& kernel_;
  std::vector<TokenId> tokens_;
  std::vector<float> logits_;
};

void print_results(const Bench& options, const Model& model, const Kernel& kernel, double load_s,
                   const std::vector<Measured>& results, const Result<Resident>& resident,
                   const Result<Limits>& limits) {
  nlohmann::ordered_json json;
  json["model"] = options.common.model;
  json["threads"] = kernel.executor()->width();
  json["executor"] = kernel.executor()->name();
  json["isa"] = name(model.backend().isa());
  json["parallel"] = options.parallel;
  json["depth"] = options.depth;
  json["kv_type"] = name(options.common.kv_type);
  json["load_s"] = load_s;
  if (resident.ok()) json["resident"] = {{"bytes", resident->bytes}, {"in_huge_pages", resident->huge}};
  if (options.price_per_hour > 0) json["price_per_hour"] = options.price_per_hour;
  if (options.profile && limits.ok()) json["limits"] = describe(*limits);
  for (const Measured& result : results) {
    nlohmann::ordered_json one = {
        {"test", result.test}, {"median_ts", median_of(result.samples)}, {"samples_ts", result.samples}};
    if (options.price_per_hour > 0) {
      one["cost_per_million_tokens"] = cost_of_million(options, median_of(result.samples));
    }
    if (options.profile) one["phases"] = describe(result.phases, limits);
    json["results"].push_back(std::move(one));
  }
  program::print_json(json);
}

/// Weights in pages of 4 KiB cost up to half of the speed of generation (docs/design/015), and nothing else shows it.
void print_resident(const Bench& options, const Resident& resident) {
  const auto share = static_cast<double>(resident.huge) / static_cast<double>(std::max<std::size_t>(resident.bytes, 1));
  std::printf("memory: %.0f MB resident, %.0f %% of it in huge pages\n", static_cast<double>(resident.bytes) / 1e6,
              share * 100);
  constexpr std::size_t kLarge = std::size_t{256} << 20;  // what is smaller, the processor keeps the addresses of
  if (resident.bytes >= kLarge && share < 0.5 && !options.common.read) {
    std::printf("Generation is faster in huge pages: --read takes them for the weights.\n");
  }
}

void print_table(const Bench& options, const std::vector<Measured>& results, const Result<Limits>& limits) {
  std::printf("%-16s %10s %10s %10s   tokens/s\n", "test", "median", "lowest", "highest");
  for (const Measured& result : results) {
    const auto [low, high] = std::minmax_element(result.samples.begin(), result.samples.end());
    std::printf("%-16s %10.2f %10.2f %10.2f\n", result.test.c_str(), median_of(result.samples), *low, *high);
  }
  for (const Measured& result : results) {
    if (options.price_per_hour <= 0) break;
    std::printf("%s: 1M tokens cost %.4g at the median, at %.4g per hour\n", result.test.c_str(),
                cost_of_million(options, median_of(result.samples)), options.price_per_hour);
  }
  if (!options.profile) return;
  for (const Measured& result : results) print_phases(result.test.c_str(), result.phases, limits);
  if (limits.ok()) {
    std::printf("\nlimits: %.1f GB/s read, %.0f int8 GOP/s, %.0f f32 GFLOP/s (%zu threads, probed just now)\n",
                limits->bytes / 1e9, limits->int8_operations / 1e9, limits->f32_operations / 1e9, limits->threads);
  } else {
    std::printf("\nno limits: %s\n", std::string(limits.status().message()).c_str());
  }
}

std::size_t tokens_of_context(const Bench& options) {
  return options.depth + std::max(options.prompt, options.generate);
}

Status check(const Bench& options) {
  if (options.prompt == 0 && options.generate == 0) {
    return Status(Code::kInvalidArgument, "bench", "tokens to measure: --prompt or --generate", "none");
  }
  constexpr std::size_t kMost = std::size_t{1} << 24;
  const std::size_t tokens = tokens_of_context(options) * options.parallel;  // each option is below 2^31, parallel 2^13
  if (tokens > kMost) {
    return Status(
        Code::kInvalidArgument, "bench",
        Text("at most ", kMost, " tokens in all contexts together (--depth, --prompt, --generate, --parallel)"),
        Text(tokens));
  }
  return {};
}

/// One repetition on a kernel of its own, whose phases are timed: the others' times have no clock in them.
Result<PhaseTotals> profile(const Bench& options, const Model& model, KernelOptions kernel_options, std::size_t prompt,
                            std::size_t generate) {
  const auto totals = std::make_shared<PhaseTotals>();
  kernel_options.phases = totals;
  MOXIE_TRY_LET(Kernel kernel, Kernel::create(kernel_options));
  Stopwatch stopwatch(options, model, kernel);
  MOXIE_TRY(stopwatch.warm_up());
  MOXIE_TRY(stopwatch.seconds(prompt, generate, totals.get()).status());
  return *totals;
}

/// Keys and values are charged to nobody here, so that the machine's memory is the limit.
Status check_memory(const Bench& options, const Model& model) {
  KvShape shape = model.kv_shape();
  shape.type = options.common.kv_type;
  MOXIE_TRY_LET(const auto pool, KvPool::create(shape, Budget::create("kv", Budget::kUnlimited)));
  const std::uint64_t needed = Context::bytes_for(*pool, tokens_of_context(options)) * options.parallel;
  const auto there =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (needed <= there) return {};
  constexpr std::uint64_t kMega = 1'000'000;
  return Status(Code::kNoMemory, "bench",
                Text(needed / kMega, " MB for the keys and values of ", tokens_of_context(options), " tokens in ",
                     options.parallel, options.parallel == 1 ? " context" : " contexts"),
                Text("a machine with ", there / kMega, " MB"));
}

}  // namespace

Status run_bench(const Bench& options) {
  MOXIE_TRY(check(options));
  const Clock::time_point begin = Clock::now();
  MOXIE_TRY_LET(const std::unique_ptr<Executor> packer, make_executor(ExecutorKind::kThreads, options.common.threads));
  ModelOptions model_options = options.common.model_options();
  model_options.executor = packer.get();
  MOXIE_TRY_LET(const Model model, Model::load(options.common.model, model_options));
  const double load_s = seconds_since(begin);
  MOXIE_TRY(check_memory(options, model));
  KernelOptions kernel_options{.threads = options.common.threads,
                               .memory_bytes = Budget::kUnlimited,
                               .executor = options.common.executor,
                               .kv_type = options.common.kv_type};
  MOXIE_TRY_LET(Kernel kernel, Kernel::create(kernel_options));
  Stopwatch stopwatch(options, model, kernel);
  MOXIE_TRY(stopwatch.warm_up());

  const std::string many = options.parallel == 1 ? "" : "x" + std::to_string(options.parallel);
  const std::string deep = options.depth == 0 ? "" : "@" + std::to_string(options.depth);
  std::vector<Measured> results;
  const auto measure = [&](const std::string& test, std::size_t prompt, std::size_t generate) -> Status {
    Measured measured{.test = test + many + deep, .samples = {}};
    for (std::size_t i = 0; i < options.repeat; ++i) {
      MOXIE_TRY_LET(const double seconds, stopwatch.seconds(prompt, generate));
      measured.samples.push_back(static_cast<double>((prompt + generate) * options.parallel) / seconds);
    }
    if (options.profile) {
      MOXIE_TRY_LET(measured.phases, profile(options, model, kernel_options, prompt, generate));
    }
    results.push_back(std::move(measured));
    return {};
  };
  if (options.prompt != 0) MOXIE_TRY(measure("pp" + std::to_string(options.prompt), options.prompt, 0));
  if (options.generate != 0) MOXIE_TRY(measure("tg" + std::to_string(options.generate), 0, options.generate));
  const Result<Resident> resident = resident_memory();
  const Result<Limits> limits = options.profile ? probe_limits(kernel.executor()->width())
                                                : Status(Code::kNotFound, "bench", "--profile", "none");
  if (options.json) {
    print_results(options, model, kernel, load_s, results, resident, limits);
  } else {
    print_table(options, results, limits);
    if (resident.ok()) print_resident(options, *resident);
  }
  return {};
}

}  // namespace moxie::program
