// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/model/root.hpp>

struct evp_md_st;
struct evp_md_ctx_st;
struct ossl_lib_ctx_st;

namespace moxie::inline abi1::model {

/// SHA-256 as libcrypto has it, in a library context of its own: what the host does with OpenSSL, and what its
/// configuration says, is not asked and not changed.
///
/// Errors   kUnsupported: libcrypto without it.
/// Threads  immutable; any.
class Sha256Method {
 public:
  static Result<Sha256Method> create() noexcept;

 private:
  friend class Sha256;
  struct Free {
    void operator()(ossl_lib_ctx_st* context) const noexcept;
    void operator()(evp_md_st* method) const noexcept;
  };
  std::unique_ptr<ossl_lib_ctx_st, Free> context_;
  std::unique_ptr<evp_md_st, Free> method_;
};

/// One hash that is being made. An update that fails is remembered, and finish() tells.
class Sha256 {
 public:
  /// Begins with `label` as text() adds it, so that hashes for different purposes never have equal inputs.
  Sha256(const Sha256Method& method, std::string_view label) noexcept;

  void bytes(std::span<const std::byte> bytes) noexcept;
  /// Eight bytes, little-endian.
  void number(std::uint64_t number) noexcept;
  /// The length as a number, then the bytes.
  void text(std::span<const std::byte> bytes) noexcept;
  void text(std::string_view text) noexcept { this->text(std::as_bytes(std::span(text))); }
  void digest(const Digest& digest) noexcept { bytes(digest.bytes); }
  /// kNoMemory where libcrypto had none.
  [[nodiscard]] Result<Digest> finish() noexcept;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* state) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> state_;
  bool good_ = false;
};

}  // namespace moxie::model
