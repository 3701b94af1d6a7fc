// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>

#include <sys/stat.h>

#include <moxie/core/status.hpp>

namespace moxie::inline abi1::format {

/// What the system refused, in its words.
inline Status refused(std::string_view where, std::string_view needed, int error) noexcept {
  Code code = Code::kIo;
  if (error == ENOENT || error == ENOTDIR) code = Code::kNotFound;
  if (error == ENOMEM) code = Code::kNoMemory;
  try {
    return Status(code, where, needed, std::generic_category().message(error));
  } catch (const std::bad_alloc&) {  // the words of an error must not replace it
    return Status(code, where, needed, Text("error ", error));
  }
}

/// What stands where a regular file was wanted.
inline std::string_view kind_of(mode_t mode) noexcept {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISLNK(mode)) return "a link";
  return "something else";
}

}  // namespace moxie::format
