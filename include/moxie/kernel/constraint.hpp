// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/kernel/token_mask.hpp>

namespace moxie::inline abi1 {

/// Says which tokens may come next in an answer: a grammar, a schema, a list of choices. A host derives from it and
/// gives it to GenerationOptions::constraint.
///
/// It stands behind the tokens that it has accepted, none of the prompt's. The kernel works on a clone, a fresh one for
/// each round of an answer, and leaves the object that it was given as it is. Before each choice it asks forced(), and
/// where nothing is forced allowed() and may_end(); behind each token that is part of the answer it calls accept(). It
/// does not call rollback() and save(): they are for hosts, and have a default that refuses.
///
/// End tokens are the kernel's business. They are legal exactly where may_end() is true, whatever allowed() says of
/// their bits, and accept() never sees one. Where may_end() is true and no bit is set, only an end token may come.
/// With GenerationOptions::ignore_end the checkpoint's end tokens are tokens like any others.
///
/// Shapes   the mask has a bit for each of the V tokens of the vocabulary; tokens are in [0, V).
/// Errors   what a member returns ends the generation that asked with that status, and no other one; a throw is
///          kHostException, kCancelled and kDeadline are too, since only the host's own wish ends an answer so. A
///          failed call leaves the object as it was.
/// Threads  clone() may be called on one object by many threads at once, and it shares nothing that changes with its
///          clones. Other members are called by one thread at a time, the one in step(). They may cancel or destroy
///          any generation; calling step() there is kPrecondition.
class MOXIE_API TokenConstraint {
 public:
  virtual ~TokenConstraint();

  /// Sets the bits of the tokens that may come next. The mask comes with no bit set.
  virtual Status allowed(TokenMask out) = 0;
  /// Whether the answer may end here.
  virtual Result<bool> may_end() = 0;
  /// Goes on behind these tokens. kInvalidArgument: one that is not allowed there.
  virtual Status accept(std::span<const TokenId> tokens) = 0;
  /// Tokens that must come next, one behind another; none where there is a choice, or by default. Good until the next
  /// call. It is a short cut and nothing else: allowed() says of each, when it is its turn, that only this one may
  /// come. They are computed as one piece of a prompt is, and none of them is sampled.
  virtual Result<std::span<const TokenId>> forced();
  /// Goes back to where it was before the last n accepted tokens. kInvalidArgument: there are fewer.
  virtual Status rollback(std::size_t n);
  /// One that stands where this one does and goes on by itself.
  [[nodiscard]] virtual Result<std::unique_ptr<TokenConstraint>> clone() const = 0;
  /// Its place as bytes, from which a host makes an equal one later. How is between the host and the class.
  [[nodiscard]] virtual Result<std::vector<std::byte>> save() const;

 protected:
  TokenConstraint() = default;
  TokenConstraint(const TokenConstraint&) = default;
  TokenConstraint& operator=(const TokenConstraint&) = default;
};

}  // namespace moxie
