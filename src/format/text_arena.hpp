// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace moxie::inline abi1::format {

/// Keeps many short texts at fixed places. It grows by whole blocks, so that it never holds a second copy of
/// everything while it grows.
class TextArena {
 public:
  /// A copy that lives as long as the arena, also where that is moved. May throw std::bad_alloc.
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    char* place = nullptr;
    if (text.size() > kBlock / 4) {
      // Long ones lie alone: putting them into blocks would waste the rest of the block before.
      place = add_block(text.size());
    } else {
      if (text.size() > left_) {
        free_ = add_block(kBlock);
        left_ = kBlock;
      }
      place = free_;
      free_ += text.size();
      left_ -= text.size();
    }
    std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
  }

 private:
  static constexpr std::size_t kBlock = 64U * 1024;

  char* add_block(std::size_t size) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    return blocks_.back().get();
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace moxie::format
