// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/adapter.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <moxie/backend/quant.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/format/checkpoint.hpp>

#include "format/json_fields.hpp"
#include "model/adapter/adapter_access.hpp"
#include "model/load/fnv_hash.hpp"

namespace moxie::inline abi1 {

namespace {

using format::JsonFields;
using format::JsonValue;
using model::AdapterTarget;
using model::ExpertMatrix;
using model::Matrix;

constexpr std::string_view kConfig = "adapter_config.json";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kA = ".lora_A.weight";
constexpr std::string_view kB = ".lora_B.weight";
constexpr std::uint64_t kMostRank = 1U << 16U;

struct Named {
  std::string_view name;
  Matrix matrix;
};
constexpr std::array<Named, 13> kMatrices = {{{"self_attn.q_proj", Matrix::kQuery},
                                              {"self_attn.k_proj", Matrix::kKey},
                                              {"self_attn.v_proj", Matrix::kValue},
                                              {"self_attn.o_proj", Matrix::kOutput},
                                              {"mlp.gate_proj", Matrix::kGate},
                                              {"mlp.up_proj", Matrix::kUp},
                                              {"mlp.down_proj", Matrix::kDown},
                                              {"mlp.shared_expert.gate_proj", Matrix::kSharedGate},
                                              {"mlp.shared_expert.up_proj", Matrix::kSharedUp},
                                              {"mlp.shared_expert.down_proj", Matrix::kSharedDown},
                                              {"mlp.shared_experts.gate_proj", Matrix::kSharedGate},
                                              {"mlp.shared_experts.up_proj", Matrix::kSharedUp},
                                              {"mlp.shared_experts.down_proj", Matrix::kSharedDown}}};
constexpr std::array<std::array<std::string_view, 3>, 2> kOfExpert = {
    {{"gate_proj", "up_proj", "down_proj"}, {"w1", "w3", "w2"}}};

/// The number that a text begins with, up to a point; the rest is left.
std::optional<std::size_t> take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto size = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || size == text.size() || *end != '.') return std::nullopt;
  text.remove_prefix(size + 1);
  return number;
}

/// Which matrix a module is: "model.layers.3.mlp.experts.17.up_proj".
Result<std::pair<std::size_t, std::variant<Matrix, ExpertMatrix>>> find_matrix(std::string_view module) {
  const Status unknown(
      Code::kUnsupported, kConfig,
      "matrices of attention, dense blocks, shared and single experts: q_proj, gate_proj, experts.0.up_proj", module);
  std::string_view rest = module;
  if (rest.starts_with("model.")) rest.remove_prefix(6);
  if (!rest.starts_with("layers.")) return unknown;
  rest.remove_prefix(7);
  const auto layer = take_number(rest);
  if (!layer) return unknown;
  for (const Named& named : kMatrices) {
    if (rest == named.name) return std::pair(*layer, std::variant<Matrix, ExpertMatrix>(named.matrix));
  }
  for (const std::string_view block :
       {std::string_view("mlp.experts."), std::string_view("block_sparse_moe.experts.")}) {
    if (!rest.starts_with(block)) continue;
    rest.remove_prefix(block.size());
    const auto expert = take_number(rest);
    if (!expert) return unknown;
    for (const auto& names : kOfExpert) {
      const auto which = std::ranges::find(names, rest);
      if (which == names.end()) continue;
      return std::pair(*layer, std::variant<Matrix, ExpertMatrix>(
                                   ExpertMatrix{*expert, static_cast<std::size_t>(which - names.begin())}));
    }
  }
  return unknown;
}

/// Of a pattern that names modules, the value for this one: the key is the module's name or its end.
std::optional<double> by_pattern(JsonValue patterns, std::string_view module) {
  if (!patterns.is_object()) return std::nullopt;
  for (const JsonValue::Member& member : patterns) {
    const std::string_view key = member.key;
    const bool whole = module == key;
    const bool end =
        module.size() > key.size() && module.ends_with(key) && module[module.size() - key.size() - 1] == '.';
    if (whole || end) return member.value.as_double();
  }
  return std::nullopt;
}

struct Config {
  double rank = 0;
  double alpha = 0;
  bool root = false;  // use_rslora
  JsonValue rank_pattern, alpha_pattern;
};

Result<Config> read_config(JsonValue root) {
  const JsonFields fields(kConfig, root);
  MOXIE_TRY_LET(const std::string_view type, fields.string("peft_type"));
  if (type != "LORA")
    return Status(Code::kUnsupported, kConfig, "peft_type \"LORA\"", fields.get("peft_type").describe());
  Config config;
  MOXIE_TRY_LET(const std::uint64_t rank, fields.whole("r", 1, kMostRank));
  config.rank = static_cast<double>(rank);
  MOXIE_TRY_LET(config.alpha, fields.real("lora_alpha", -1e6, 1e6));
  MOXIE_TRY_LET(config.root, fields.boolean("use_rslora", false));
  for (const std::string_view flag : {std::string_view("use_dora"), std::string_view("fan_in_fan_out")}) {
    MOXIE_TRY_LET(const bool set, fields.boolean(flag, false));
    if (set) return Status(Code::kUnsupported, kConfig, Text(flag, " false"), "true");
  }
  MOXIE_TRY_LET(const std::string_view bias, fields.string("bias", "none"));
  if (bias != "none") return Status(Code::kUnsupported, kConfig, "bias \"none\"", fields.get("bias").describe());
  for (const std::string_view list :
       {std::string_view("modules_to_save"), std::string_view("trainable_token_indices")}) {
    if (fields.has(list) && fields.get(list).size() > 0) {
      return Status(Code::kUnsupported, kConfig, Text("no ", list), fields.get(list).describe());
    }
  }
  config.rank_pattern = fields.get("rank_pattern");
  config.alpha_pattern = fields.get("alpha_pattern");
  return config;
}

/// Widened to f32.
Result<std::vector<float>> floats_of(const Tensor& tensor) {
  if (tensor.dims.size() != 2 ||
      (tensor.type != ElementType::kF32 && tensor.type != ElementType::kF16 && tensor.type != ElementType::kBF16)) {
    return Status(Code::kUnsupported, tensor.name, "a matrix of F32, F16 or BF16",
                  Text(traits(tensor.type).name, " of ", tensor.dims.size(), " dimensions"));
  }
  std::vector<float> numbers(static_cast<std::size_t>(tensor.dims[0] * tensor.dims[1]));
  MOXIE_TRY(dequantize(tensor.type, tensor.bytes, numbers));
  return numbers;
}

Result<AdapterTarget> read_target(const Checkpoint& files, const Config& config, const Tensor& a,
                                  std::string_view full) {
  const std::string_view module = full.starts_with(kPrefix) ? full.substr(kPrefix.size()) : full;
  MOXIE_TRY_LET(const auto place, find_matrix(module));
  MOXIE_TRY_LET(const Tensor b, files.find(std::string(full) + std::string(kB)));
  MOXIE_TRY_LET(const std::vector<float> of_a, floats_of(a));
  MOXIE_TRY_LET(const std::vector<float> of_b, floats_of(b));
  const double rank = by_pattern(config.rank_pattern, module).value_or(config.rank);
  const double alpha = by_pattern(config.alpha_pattern, module).value_or(config.alpha);
  if (static_cast<double>(a.dims[0]) != rank || static_cast<double>(b.dims[1]) != rank) {
    return Status(Code::kFormat, full, Text("lora_A of [", rank, ", in] and lora_B of [out, ", rank, "]"),
                  Text("[", a.dims[0], ", ", a.dims[1], "] and [", b.dims[0], ", ", b.dims[1], "]"));
  }
  const double scale = alpha / (config.root ? std::sqrt(rank) : rank);
  const auto view = [](const std::vector<float>& numbers, const Tensor& tensor) {
    return ConstRows(numbers.data(), static_cast<std::size_t>(tensor.dims[0]),
                     static_cast<std::size_t>(tensor.dims[1]));
  };
  auto change = LowRank::create(view(of_a, a), view(of_b, b), static_cast<float>(scale));
  if (!change.ok()) return Status(Code::kFormat, full, change.status().needed(), change.status().came());
  return AdapterTarget{
      .name = std::string(module), .layer = place.first, .matrix = place.second, .change = *std::move(change)};
}

Result<model::AdapterParts> read(const std::filesystem::path& folder) {
  MOXIE_TRY_LET(const Checkpoint files, Checkpoint::open(folder / "adapter_model.safetensors", {.read = true}));
  MOXIE_TRY_LET(const format::JsonDocument document, format::JsonDocument::parse(files.config_json(), {}, kConfig));
  MOXIE_TRY_LET(const Config config, read_config(document.root()));
  model::AdapterParts parts;
  model::FnvHash hash;
  std::size_t pairs = 0;
  for (const Tensor& tensor : files.tensors()) {
    hash.add(tensor.name);
    hash.add(std::string_view(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()));
    if (tensor.name.ends_with(kB)) {
      ++pairs;
      continue;
    }
    if (!tensor.name.ends_with(kA)) {
      return Status(Code::kUnsupported, "adapter_model.safetensors",
                    "tensors lora_A.weight and lora_B.weight of modules", tensor.name);
    }
    const std::string_view module = tensor.name.substr(0, tensor.name.size() - kA.size());
    MOXIE_TRY_LET(AdapterTarget target, read_target(files, config, tensor, module));
    parts.rank = std::max(parts.rank, target.change.rank());
    parts.targets.push_back(std::move(target));
  }
  if (parts.targets.empty() || pairs != parts.targets.size()) {
    return Status(Code::kFormat, "adapter_model.safetensors", "a lora_B for each lora_A, and one at least",
                  Text(parts.targets.size(), " of A, ", pairs, " of B"));
  }
  hash.add(files.config_json());
  parts.hash = hash.value();
  return parts;
}

}  // namespace

Result<Adapter> Adapter::load(const std::filesystem::path& folder) noexcept {
  std::shared_ptr<const model::AdapterParts> parts;
  const Status done = guarded("Adapter::load", [&]() -> Status {
    MOXIE_TRY_LET(model::AdapterParts made, read(folder));
    parts = std::make_shared<const model::AdapterParts>(std::move(made));
    return {};
  });
  MOXIE_TRY(done);
  return Adapter(std::move(parts));
}

std::size_t Adapter::matrices() const noexcept { return parts_->targets.size(); }
std::size_t Adapter::rank() const noexcept { return parts_->rank; }
std::uint64_t Adapter::hash() const noexcept { return parts_->hash; }

}  // namespace moxie
