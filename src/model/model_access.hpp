// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <moxie/model/model.hpp>

#include "model/run/decoder.hpp"

namespace moxie::inline abi1::model {

/// What kernels have made ready to run a model, each under its own key. It goes with the model, so a kernel need not
/// keep a model alive to find its runtime again.
///
/// Threads  put() and drop() by any, at once: several kernels may share a model.
class Attachments {
 public:
  /// Lets std::bad_alloc through.
  void put(const void* key, std::shared_ptr<void> what);
  /// Does nothing where the key has nothing.
  void drop(const void* key) noexcept;

 private:
  using Entry = std::pair<const void*, std::shared_ptr<void>>;
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

/// What the kernel needs of a Model and a host does not.
struct ModelAccess {
  static const Decoder& decoder(const Model& model) noexcept;
  static Attachments& attachments(const Model& model) noexcept;
  /// Keeps the model as a handle does; model_of() makes a handle of it again, or nothing of null.
  static std::shared_ptr<const void> owner(const Model& model) noexcept;
  static std::optional<Model> model_of(std::shared_ptr<const void> owner) noexcept;
};

}  // namespace moxie
