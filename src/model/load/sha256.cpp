// SPDX-License-Identifier: Apache-2.0
#include "model/load/sha256.hpp"

#include <array>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace moxie::inline abi1::model {

void Sha256Method::Free::operator()(ossl_lib_ctx_st* context) const noexcept { OSSL_LIB_CTX_free(context); }
void Sha256Method::Free::operator()(evp_md_st* method) const noexcept { EVP_MD_free(method); }
void Sha256::Free::operator()(evp_md_ctx_st* state) const noexcept { EVP_MD_CTX_free(state); }

Result<Sha256Method> Sha256Method::create() noexcept {
  Sha256Method method;
  method.context_.reset(OSSL_LIB_CTX_new());
  if (method.context_ != nullptr) method.method_.reset(EVP_MD_fetch(method.context_.get(), "SHA256", nullptr));
  if (method.method_ == nullptr) {
    return Status(Code::kUnsupported, "Sha256Method::create", "SHA-256 from libcrypto", "a refusal");
  }
  return method;
}

Sha256::Sha256(const Sha256Method& method, std::string_view label) noexcept : state_(EVP_MD_CTX_new()) {
  good_ = state_ != nullptr && EVP_DigestInit_ex2(state_.get(), method.method_.get(), nullptr) == 1;
  text(label);
}

void Sha256::bytes(std::span<const std::byte> bytes) noexcept {
  good_ = good_ && EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size()) == 1;
}

void Sha256::number(std::uint64_t number) noexcept {
  std::array<std::byte, 8> little{};
  for (std::size_t i = 0; i < little.size(); ++i) little[i] = static_cast<std::byte>(number >> (8 * i) & 0xff);
  bytes(little);
}

void Sha256::text(std::span<const std::byte> bytes) noexcept {
  number(bytes.size());
  this->bytes(bytes);
}

Result<Digest> Sha256::finish() noexcept {
  Digest digest;
  good_ =
      good_ && EVP_DigestFinal_ex(state_.get(), reinterpret_cast<unsigned char*>(digest.bytes.data()), nullptr) == 1;
  if (!good_) return Status(Code::kNoMemory, "Sha256", "libcrypto to hash", "a refusal");
  return digest;
}

}  // namespace moxie::model
