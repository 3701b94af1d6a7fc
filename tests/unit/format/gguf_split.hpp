// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "folder.hpp"
#include "support/gguf_writer.hpp"

namespace moxie::test {

/// Three files with five tensors, and what is in them.
struct SplitFiles {
  std::vector<GgufFile> files;
  std::vector<WrittenTensor> tensors;

  SplitFiles() {
    for (unsigned i = 0; i < 5; ++i)
      tensors.push_back(counting(joined({"t", std::to_string(i)}), ElementType::kF32, {i + 1}, i));
    files = {{.keys = split_keys(0, 3, 5)}, {.keys = split_keys(1, 3, 5)}, {.keys = split_keys(2, 3, 5)}};
    files[0].keys.push_back(gguf_string("general.architecture", "qwen3moe"));
    files[0].tensors = {tensors[3]};
    files[1].tensors = {tensors[0], tensors[4]};
    files[2].tensors = {tensors[2], tensors[1]};
  }
  void write(const TemporaryFolder& folder) const {
    for (std::size_t i = 0; i < files.size(); ++i) {
      write_file(folder / joined({"m-0000", std::to_string(i + 1), "-of-00003.gguf"}), files[i].bytes());
    }
  }
};

}  // namespace moxie::test
