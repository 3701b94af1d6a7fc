// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include <moxie/format/checkpoint.hpp>

#include "commands.hpp"
#include "output.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;

/// Text of a file for a terminal: what is no plain ASCII becomes '?'.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

std::string shape(const Tensor& tensor) {
  std::string text = "[";
  for (const std::uint64_t dim : tensor.dims) text += (text.size() > 1 ? ", " : "") + std::to_string(dim);
  return text + "]";
}

/// A number as the file has it; long arrays, such as vocabularies, in words.
Json to_json(const MetadataValue& value) {
  constexpr std::size_t kLong = 64;
  if (value.is_array() && value.size() <= kLong) {
    Json elements = Json::array();
    for (std::size_t i = 0; i < value.size(); ++i) elements.push_back(to_json(value[i]));
    return elements;
  }
  if (value.is_array()) return value.describe().view();
  if (const auto flag = value.as_bool()) return *flag;
  if (const auto number = value.as_u64()) return *number;
  if (const auto number = value.as_i64()) return *number;
  if (value.type() == MetadataType::kF32) {
    const double number = *value.as_double();
    if (!std::isfinite(number)) return nullptr;                   // JSON has no other word for it
    return Json::parse(Text(static_cast<float>(number)).view());  // 1e-6, not all digits of the nearest double
  }
  if (const auto number = value.as_double()) return *number;
  return value.as_string().value_or(std::string_view());
}

Json describe(const Checkpoint& checkpoint) {
  Json json;
  json["kind"] = checkpoint.kind() == CheckpointKind::kGguf ? "gguf" : "safetensors";
  Json said = Json::object();
  const Metadata metadata = checkpoint.metadata();
  for (const MetadataEntry& entry : metadata.entries()) {
    said[std::string(entry.key)] = to_json(entry.value);
  }
  json["metadata"] = std::move(said);
  Json tensors = Json::array();
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> types;
  for (const Tensor& tensor : checkpoint.tensors()) {
    tensors.push_back({{"name", tensor.name},
                       {"type", name(tensor.type)},
                       {"shape", std::vector<std::uint64_t>(tensor.dims.begin(), tensor.dims.end())},
                       {"tiled", tensor.tiled},
                       {"bytes", tensor.bytes.size()}});
    auto& [count, bytes] = types[std::string(name(tensor.type))];
    ++count;
    bytes += tensor.bytes.size();
  }
  json["tensors"] = std::move(tensors);
  json["types"] = Json::object();
  for (const auto& [type, sum] : types) json["types"][type] = {{"tensors", sum.first}, {"bytes", sum.second}};
  json["bytes"] = checkpoint.bytes();
  return json;
}

}  // namespace

Status list_tensors(const Info& options) {
  if (options.common.model.empty()) return Status(Code::kInvalidArgument, "info --tensors", "a checkpoint, -m", "none");
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(options.common.model));
  const Json json = describe(checkpoint);
  if (options.json) {
    print_json(json, 2);
    return {};
  }
  for (const auto& [key, value] : json.at("metadata").items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    std::printf("%-44s %s\n", printable(key).c_str(), printable(text).c_str());
  }
  if (!json.at("metadata").empty()) std::printf("\n");
  for (const Tensor& tensor : checkpoint.tensors()) {
    const std::string_view type = name(tensor.type);
    std::printf("%-44s %-6.*s %-22s %14zu%s\n", printable(tensor.name).c_str(), static_cast<int>(type.size()),
                type.data(), shape(tensor).c_str(), tensor.bytes.size(), tensor.tiled ? "  tiled" : "");
  }
  std::printf("\n");
  for (const auto& [type, sum] : json.at("types").items()) {
    std::printf("%-6s %5zu tensors %14llu bytes\n", type.c_str(), sum.at("tensors").get<std::size_t>(),
                sum.at("bytes").get<unsigned long long>());
  }
  std::printf("%zu tensors, %llu bytes\n", checkpoint.tensors().size(),
              static_cast<unsigned long long>(checkpoint.bytes()));
  return {};
}

}  // namespace moxie::program
