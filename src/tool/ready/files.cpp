// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include <moxie/tool/ready.hpp>

namespace moxie::inline abi1 {

template <>
inline constexpr auto described<tools::EntryKind> = enumerators<tools::EntryKind>(
    {{"file", tools::EntryKind::kFile}, {"folder", tools::EntryKind::kFolder}, {"other", tools::EntryKind::kOther}});

template <>
inline constexpr auto described<tools::FolderEntry> = members(member<"name">(&tools::FolderEntry::name),
                                                              member<"kind">(&tools::FolderEntry::kind),
                                                              member<"bytes">(&tools::FolderEntry::bytes));

template <>
inline constexpr auto described<tools::FolderListing> =
    members(member<"entries">(&tools::FolderListing::entries), member<"complete">(&tools::FolderListing::complete),
            member<"names_left_out">(&tools::FolderListing::names_left_out));

template <>
inline constexpr auto described<tools::FilePiece> = members(
    member<"text">(&tools::FilePiece::text), member<"file_bytes">(&tools::FilePiece::file_bytes),
    member<"next_offset">(&tools::FilePiece::next_offset), member<"replaced_bytes">(&tools::FilePiece::replaced_bytes));

}  // namespace moxie

namespace moxie::inline abi1::tools {

Result<AnyTool> list_files(std::shared_ptr<const Folder> folder) noexcept {
  if (folder == nullptr) return Status(Code::kInvalidArgument, "list_files", "a folder", "null");
  return AnyTool::create(
      tool("list_files", "Lists the files and folders in a folder.",
           [folder = std::move(folder)](
               Arg<"path", std::optional<std::string>, "Such as notes/2024; without it, the outermost folder"> path) {
             return folder->list(path->value_or(""));
           }));
}

// A template's whole numbers are of 64 bits with their sign, and the schema goes through the template.
using Offset = Between<std::int64_t, 0, INT64_MAX>;

Result<AnyTool> read_file(std::shared_ptr<const Folder> folder) noexcept {
  if (folder == nullptr) return Status(Code::kInvalidArgument, "read_file", "a folder", "null");
  return AnyTool::create(
      tool("read_file",
           "Reads a text file, a long one piece by piece: next_offset is where the next piece begins. Bytes that are "
           "no UTF-8 appear as U+FFFD and are counted in replaced_bytes.",
           [folder = std::move(folder)](
               Arg<"path", std::string, "Such as notes/today.txt"> path,
               Arg<"offset", std::optional<Offset>, "The byte to begin at; without it, the first"> offset) {
             return folder->read(*path, *offset ? static_cast<std::uint64_t>((*offset)->value) : 0);
           }));
}

}  // namespace moxie::tools
