// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/backend/executors.hpp>
#include <moxie/context/context.hpp>
#include <moxie/core/version.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/kernel/numerics.hpp>
#include <moxie/model/root.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "progress.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;

std::string megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string hexadecimal(std::uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(number));
  return text;
}

Json describe(const BackendInfo& info, const Numerics& numerics) {
  const std::string version = std::to_string(MOXIE_VERSION_MAJOR) + "." + std::to_string(MOXIE_VERSION_MINOR) + "." +
                              std::to_string(MOXIE_VERSION_PATCH);
  return {{"version", version},
          {"compiler", info.compiler},
          {"cpu threads", std::thread::hardware_concurrency()},
          {"isa", info.isa},
          {"isas of this cpu", info.cpu_isas},
          {"matmul", info.matmul},
          {"onednn", info.onednn},
          {"onednn isa", info.onednn_isa},
          {"openmp executor", executor_available(ExecutorKind::kOpenMp) ? "yes" : "not in this build"},
          {"numerics", numerics.text},
          {"numerics id", hexadecimal(numerics.id)}};
}

Json rope_scaling(const RopeScaling& scaling) {
  const char* type = "";
  switch (scaling.type) {
    case RopeScaling::Type::kNone: return "none";
    case RopeScaling::Type::kFactors: return "a factor for each frequency";
    case RopeScaling::Type::kLinear: type = "linear"; break;
    case RopeScaling::Type::kLlama3: type = "llama3"; break;
    case RopeScaling::Type::kYarn: type = "yarn"; break;
  }
  return {{"type", type}, {"factor", scaling.factor}};
}

Json describe(const Model& model, const std::vector<WeightPath>& paths) {
  const ModelConfig& config = model.config();
  std::size_t moe_layers = 0;
  for (const bool moe : config.moe_layers) moe_layers += moe ? 1 : 0;
  const auto full_layers = static_cast<std::size_t>(
      std::count(config.sliding_windows.begin(), config.sliding_windows.end(), std::size_t{0}));
  Json json = {{"model_type", config.model_type},
               {"fingerprint", hexadecimal(model.fingerprint())},
               {"num_hidden_layers", config.num_hidden_layers},
               {"layers with experts", moe_layers},
               {"hidden_size", config.hidden_size},
               {"num_attention_heads", config.num_attention_heads},
               {"num_key_value_heads", config.num_key_value_heads},
               {"head_dim", config.head_dim},
               {"num_experts", config.num_experts},
               {"num_experts_per_tok", config.num_experts_per_tok},
               {"moe_intermediate_size", config.moe_intermediate_size},
               {"width of shared expert", config.shared_expert_intermediate_size},
               {"layers with a window", config.num_hidden_layers - full_layers},
               {"rope scaling", rope_scaling(config.rope_scaling)},
               {"vocab_size", config.vocab_size},
               {"max_position_embeddings", config.max_position_embeddings}};
  Json weights = Json::array();
  for (const WeightPath& path : paths) {
    weights.push_back({{"path", path.path}, {"matrices", path.count}, {"bytes", path.bytes}});
  }
  json["weights"] = std::move(weights);
  Json unread = Json::array();
  for (const UnreadTensors& tensors : model.unread()) {
    unread.push_back({{"group", tensors.group}, {"tensors", tensors.count}, {"bytes", tensors.bytes}});
  }
  if (!unread.empty()) json["not read"] = std::move(unread);
  return json;
}

/// What a context of n positions is charged at most, in the kernel of `run` and `chat`.
std::uint64_t bytes_of_context(const KvPool& pool, std::size_t n) {
  const auto pages_for = [](std::size_t positions) { return (positions + kKvPagePositions - 1) / kKvPagePositions; };
  const std::size_t window = pool.shape().window;
  // Behind a window pages go again. What stays: what a row reads, what truncate() may go back by, the rows of a step,
  // and the rest of the page that it begins in.
  const std::size_t held =
      window == 0 ? n : window + ContextOptions().rewind + KernelOptions().max_step_rows + kKvPagePositions;
  const std::size_t gone = pages_for(n) - std::min(pages_for(n), pages_for(held));
  return Context::bytes_for(pool, n) - std::uint64_t{gone} * pool.page_bytes();
}

/// What keys and values take for each position in each type and, where there is a budget, what fits in it: positions of
/// one context, and whole contexts. Workspaces and logits are not in it.
Result<Json> describe_kv(const Model& model, const std::optional<std::uint64_t>& budget_bytes) {
  const std::size_t longest = model.config().max_position_embeddings;
  Json rows = Json::array();
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
    KvShape shape = model.kv_shape();
    shape.type = type;
    MOXIE_TRY_LET(const auto pool, KvPool::create(shape, Budget::create("kv", Budget::kUnlimited)));
    Json row = {{"type", name(type)},
                {"bytes_per_token", shape.page_bytes() / kKvPagePositions},
                {"page_bytes", pool->page_bytes()}};
    if (budget_bytes) {
      row["positions"] = *budget_bytes / Context::bytes_for(*pool, kKvPagePositions) * kKvPagePositions;
      if (longest != 0) {
        row["context"] = longest;
        row["contexts"] = *budget_bytes / bytes_of_context(*pool, longest);
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void print_kv(const Json& row, const char* key) {
  std::printf("  %-24s %s: %s bytes", key, row.at("type").get<std::string>().c_str(),
              row.at("bytes_per_token").dump().c_str());
  if (row.contains("positions")) std::printf(", in the budget %s positions", row.at("positions").dump().c_str());
  if (row.contains("contexts")) {
    std::printf(" or %s contexts of %s", row.at("contexts").dump().c_str(), row.at("context").dump().c_str());
  }
  std::printf("\n");
}

/// What the checkpoint says of choosing tokens.
Json describe(const Result<RecommendedSampling>& recommended) {
  if (!recommended.ok()) return {{"error", std::string(recommended.status().message())}};
  Json json = Json::object();
  const auto put = [&json](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  put("do_sample", recommended->do_sample);
  put("temperature", recommended->temperature);
  put("top_k", recommended->top_k);
  put("top_p", recommended->top_p);
  put("min_p", recommended->min_p);
  put("typical_p", recommended->typical_p);
  put("repetition_penalty", recommended->repetition_penalty);
  if (recommended->penalty_tokens && *recommended->penalty_tokens != SIZE_MAX) {
    json["penalty_tokens"] = *recommended->penalty_tokens;
  }
  std::string others;
  for (const std::string& other : recommended->unsupported) others += (others.empty() ? "" : ", ") + other;
  if (!others.empty()) json["not in moxie"] = others;
  return json;
}

/// What the checkpoint's tensors are stored as, whatever they were packed into.
Result<Json> stored_types(const std::string& path) {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path));
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> types;
  for (const Tensor& tensor : checkpoint.tensors()) {
    auto& [count, bytes] = types[std::string(name(tensor.type))];
    ++count;
    bytes += tensor.bytes.size();
  }
  Json rows = Json::array();
  for (const auto& [type, sum] : types) {
    rows.push_back({{"type", type}, {"tensors", sum.first}, {"bytes", sum.second}});
  }
  return rows;
}

void print(const Json& json) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object() && value.contains("factor")) {
      std::printf("  %-24s %s by %s\n", key.c_str(), value.at("type").get<std::string>().c_str(),
                  value.at("factor").dump().c_str());
    } else if (value.is_object()) {
      std::printf("\n%s\n", key.c_str());
      print(value);
    } else if (value.is_array()) {
      for (const Json& row : value) {
        if (row.contains("bytes_per_token")) {
          print_kv(row, key.c_str());
          continue;
        }
        const std::string bytes = megabytes(row.at("bytes").get<std::uint64_t>());
        if (row.contains("path")) {
          std::printf("  %-24s %zu matrices on %s, %s\n", key.c_str(), row.at("matrices").get<std::size_t>(),
                      row.at("path").get<std::string>().c_str(), bytes.c_str());
        } else if (row.contains("group")) {
          std::printf("  %-24s %zu tensors of %s, %s\n", key.c_str(), row.at("tensors").get<std::size_t>(),
                      row.at("group").get<std::string>().c_str(), bytes.c_str());
        } else {
          std::printf("  %-24s %zu tensors of %s, %s\n", key.c_str(), row.at("tensors").get<std::size_t>(),
                      row.at("type").get<std::string>().c_str(), bytes.c_str());
        }
      }
    } else {
      const std::string text = for_terminal(value.is_string() ? value.get<std::string>() : value.dump());
      std::printf("  %-24s %s\n", key.c_str(), text.c_str());
    }
  }
}

Result<std::string> root_of(const Info& options) {
  const Interrupt interrupt;
  MOXIE_TRY_LET(const std::unique_ptr<Executor> executor,
                make_executor(ExecutorKind::kThreads, options.common.threads));
  const RootOptions how{.executor = executor.get(), .callbacks = progress_bar()};
  MOXIE_TRY_LET(const Digest root, options.keep_root ? cached_checkpoint_root(options.common.model, how)
                                                     : checkpoint_root(options.common.model, how));
  return hexadecimal(root);
}

}  // namespace

ModelOptions Common::model_options() const {
  return {.backend = {.isa = isa, .matmul = matmul}, .files = {.read = read, .memory = nullptr, .callbacks = {}}};
}

Status run_info(const Info& options) {
  if (options.tensors) return list_tensors(options);
  Json json;
  if (options.common.model.empty()) {
    MOXIE_TRY_LET(const Backend backend, Backend::create(options.common.model_options().backend));
    MOXIE_TRY_LET(const BackendInfo info, backend.info());
    MOXIE_TRY_LET(const Numerics bits, numerics(backend, options.common.kv_type));
    json["moxie"] = describe(info, bits);
  } else {
    MOXIE_TRY_LET(const Model model, Model::load(options.common.model, options.common.model_options()));
    MOXIE_TRY_LET(const BackendInfo info, model.backend().info());
    MOXIE_TRY_LET(const std::vector<WeightPath> paths, model.weight_paths());
    MOXIE_TRY_LET(const Numerics bits, numerics(model, options.common.kv_type));
    json["moxie"] = describe(info, bits);
    json["model"] = describe(model, paths);
    if (options.root) {
      MOXIE_TRY_LET(json["model"]["root"], root_of(options));
    }
    if (options.budget_bytes) json["model"]["kv budget"] = *options.budget_bytes;
    MOXIE_TRY_LET(json["model"]["kv per token"], describe_kv(model, options.budget_bytes));
    if (!model.recommended_sampling().ok() || !model.recommended_sampling()->empty()) {
      json["recommended sampling"] = describe(model.recommended_sampling());
    }
    MOXIE_TRY_LET(json["model"]["file"], stored_types(options.common.model));
  }
  if (options.json) {
    print_json(json, 2);
  } else {
    print(json);
  }
  return {};
}

}  // namespace moxie::program
