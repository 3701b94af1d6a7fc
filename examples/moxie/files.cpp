// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <cstdio>

namespace moxie::program {

Result<std::string> read_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return Status(Code::kNotFound, path, "a file that can be read", "none");
  std::string text;
  char block[65536];
  while (const std::size_t bytes = std::fread(block, 1, sizeof(block), file)) text.append(block, bytes);
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed) return Status(Code::kIo, path, "a file that can be read", "an error");
  return text;
}

}  // namespace moxie::program
