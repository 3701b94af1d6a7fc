// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/tokenizer.hpp>

#include <system_error>
#include <utility>

#include <moxie/core/guard.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/text/decode_stream.hpp>

#include "format/file.hpp"
#include "format/locate.hpp"
#include "text/tokenizer/parts.hpp"

namespace moxie::inline abi1 {
namespace {

constexpr std::string_view kEncode = "Tokenizer::encode";
constexpr std::string_view kDecode = "Tokenizer::decode";
constexpr std::uint64_t kMaxFileBytes = 256U << 20;
constexpr std::uint64_t kMaxConfigBytes = 16U << 20;

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t most) {
  return format::read_small_file(path, most);
}

Status push_token(const text::TokenizerParts& parts, TokenId id, const DecodeOptions& options, text::DecodeRun& run,
                  std::string& out) {
  if (!parts.has(id)) {
    return Status(Code::kInvalidArgument, kDecode, Text("ids of tokens, all below ", parts.size), Text(id));
  }
  if (options.skip_special && parts.specials.contains(id)) return {};
  return run.push(parts.text(id), out);
}

Status decode_all(const text::TokenizerParts& parts, std::span<const TokenId> ids, const DecodeOptions& options,
                  std::string& out) {
  text::DecodeRun run(parts.decoder);
  for (const TokenId id : ids) MOXIE_TRY(push_token(parts, id, options, run, out));
  return run.finish(out);
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const text::TokenizerParts> parts) noexcept : parts_(std::move(parts)) {}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path) noexcept {
  std::shared_ptr<const text::TokenizerParts> parts;
  MOXIE_TRY(guarded("Tokenizer::load", [&]() -> Status {
    std::error_code ignored;
    const auto located = format::locate_checkpoint(path);
    if (located.ok() && located->gguf) {
      MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path));
      MOXIE_TRY_LET(parts, text::read_tokenizer_metadata(checkpoint.metadata()));
      return {};
    }
    if (std::filesystem::is_regular_file(path, ignored)) {
      return Status(Code::kNotFound, path.native(), "a folder with tokenizer.json, or a .gguf file", "another file");
    }
    MOXIE_TRY_LET(const std::string json, read_file(path / "tokenizer.json", kMaxFileBytes));
    auto config = read_file(path / "tokenizer_config.json", kMaxConfigBytes);
    if (!config.ok() && config.status().code() != Code::kNotFound) return config.status();
    MOXIE_TRY_LET(parts, text::read_tokenizer_json(json, config.ok() ? std::string_view(*config) : std::string_view()));
    return {};
  }));
  return Tokenizer(std::move(parts));
}

Result<Tokenizer> Tokenizer::from_metadata(const Metadata& metadata) noexcept {
  std::shared_ptr<const text::TokenizerParts> parts;
  MOXIE_TRY(guarded("Tokenizer::from_metadata", [&]() -> Status {
    MOXIE_TRY_LET(parts, text::read_tokenizer_metadata(metadata));
    return {};
  }));
  return Tokenizer(std::move(parts));
}

Result<Tokenizer> Tokenizer::from_json(std::string_view tokenizer_json,
                                       std::string_view tokenizer_config_json) noexcept {
  std::shared_ptr<const text::TokenizerParts> parts;
  MOXIE_TRY(guarded("Tokenizer::from_json", [&]() -> Status {
    MOXIE_TRY_LET(parts, text::read_tokenizer_json(tokenizer_json, tokenizer_config_json));
    return {};
  }));
  return Tokenizer(std::move(parts));
}

Result<Tokenizer> Tokenizer::create(const TokenizerData& data) noexcept {
  std::shared_ptr<const text::TokenizerParts> parts;
  MOXIE_TRY(guarded("Tokenizer::create", [&]() -> Status {
    MOXIE_TRY_LET(parts, text::read_tokenizer_data(data));
    return {};
  }));
  return Tokenizer(std::move(parts));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const noexcept {
  std::vector<TokenId> ids;
  MOXIE_TRY(guarded(kEncode, [&] { return parts_->encode(text, options, ids); }));
  return ids;
}

Result<std::string> Tokenizer::decode(std::span<const TokenId> ids, const DecodeOptions& options) const noexcept {
  std::string out;
  MOXIE_TRY(guarded(kDecode, [&] { return decode_all(*parts_, ids, options, out); }));
  return out;
}

std::size_t Tokenizer::size() const noexcept { return parts_->size; }
std::optional<TokenId> Tokenizer::find(std::string_view token) const noexcept { return parts_->find(token); }
std::string_view Tokenizer::token(TokenId id) const noexcept { return parts_->text(id); }
bool Tokenizer::is_special(TokenId id) const noexcept { return parts_->specials.contains(id); }
bool Tokenizer::is_control(TokenId id) const noexcept { return parts_->controls.contains(id); }
std::optional<TokenId> Tokenizer::bos() const noexcept { return parts_->bos; }
std::optional<TokenId> Tokenizer::eos() const noexcept { return parts_->eos; }
std::optional<TokenId> Tokenizer::unk() const noexcept { return parts_->unk; }
std::optional<TokenId> Tokenizer::pad() const noexcept { return parts_->pad; }
std::string_view Tokenizer::description() const noexcept { return parts_->description; }

struct DecodeStream::State {
  State(std::shared_ptr<const text::TokenizerParts> tables, const DecodeOptions& wanted)
      : parts(std::move(tables)), options(wanted), run(parts->decoder) {}

  std::shared_ptr<const text::TokenizerParts> parts;
  DecodeOptions options;
  text::DecodeRun run;
  std::string piece;
  bool spent = false;
};

DecodeStream::DecodeStream(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
DecodeStream::DecodeStream(DecodeStream&&) noexcept = default;
DecodeStream& DecodeStream::operator=(DecodeStream&&) noexcept = default;
DecodeStream::~DecodeStream() = default;

Result<DecodeStream> Tokenizer::stream(const DecodeOptions& options) const noexcept {
  std::unique_ptr<DecodeStream::State> state;
  MOXIE_TRY(guarded("Tokenizer::stream", [&]() -> Status {
    state = std::make_unique<DecodeStream::State>(parts_, options);
    return {};
  }));
  return DecodeStream(std::move(state));
}

Result<std::string_view> DecodeStream::push(TokenId id) noexcept {
  if (state_ == nullptr || state_->spent) {
    return Status(Code::kPrecondition, "DecodeStream::push", "a stream that can go on", "one that is spent");
  }
  state_->piece.clear();
  const Status status = guarded("DecodeStream::push", [&] {
    return push_token(*state_->parts, id, state_->options, state_->run, state_->piece);
  });
  if (status.ok()) return std::string_view(state_->piece);
  state_->spent = status.code() != Code::kInvalidArgument;
  return status;
}

Result<std::string_view> DecodeStream::finish() noexcept {
  if (state_ == nullptr || state_->spent) {
    return Status(Code::kPrecondition, "DecodeStream::finish", "a stream that can go on", "one that is spent");
  }
  state_->piece.clear();
  const Status status = guarded("DecodeStream::finish", [&] { return state_->run.finish(state_->piece); });
  if (status.ok()) return std::string_view(state_->piece);
  state_->spent = true;
  return status;
}

}  // namespace moxie
