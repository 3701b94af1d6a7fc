// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/value_path.hpp>

#include <algorithm>

namespace moxie::inline abi1 {
namespace {

std::string_view root_name(const ValuePath& path) noexcept {
  const ValuePath* root = &path;
  while (root->above != nullptr) root = root->above;
  return root->name;
}

}  // namespace

Text ValuePath::text() const noexcept {
  if (above == nullptr) return Text();
  const Text before = above->text();
  if (index != kNoIndex) return Text(before.view(), "[", index, "]");
  return before.view().empty() ? Text(name) : Text(before.view(), ".", name);
}

Status ValuePath::wrong(std::string_view needed, format::JsonValue came) const noexcept {
  const Text path = text();
  const std::string_view subject = path.view().empty() ? std::string_view("arguments") : path.view();
  return Status(Code::kInvalidArgument, root_name(*this), Text(subject, " as ", needed), came.describe());
}

Status ValuePath::missing() const noexcept {
  return Status(Code::kInvalidArgument, root_name(*this), Text("a value for '", text().view(), "'"), "none");
}

Status ValuePath::check_object(format::JsonValue value, std::span<const std::string_view> names) const noexcept {
  if (!value.is_object()) return wrong("an object", value);
  for (const format::JsonValue::Member& member : value) {
    if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
    Text known("nothing");
    for (std::size_t i = 0; i < names.size(); ++i) known = i == 0 ? Text(names[0]) : Text(known.view(), ", ", names[i]);
    const Text path = text();
    return Status(Code::kInvalidArgument, root_name(*this),
                  Text("nothing", path.view().empty() ? "" : " in ", path.view(), " but ", known.view()),
                  Text("'", member.key.substr(0, 100), "'"));
  }
  return {};
}

}  // namespace moxie
