// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/uri.hpp"

#include <algorithm>
#include <vector>

namespace moxie::inline abi1::constraint {
namespace {

struct Parts {
  std::string_view scheme;     // with its colon
  std::string_view authority;  // with its slashes
  std::string_view path;
  std::string_view query;     // with its question mark
  std::string_view fragment;  // with its number sign
};

Parts split(std::string_view uri) {
  Parts parts;
  if (const std::size_t hash = uri.find('#'); hash != std::string_view::npos) {
    parts.fragment = uri.substr(hash);
    uri = uri.substr(0, hash);
  }
  if (const std::size_t mark = uri.find('?'); mark != std::string_view::npos) {
    parts.query = uri.substr(mark);
    uri = uri.substr(0, mark);
  }
  const std::size_t colon = uri.find(':');
  if (colon != std::string_view::npos && uri.substr(0, colon).find('/') == std::string_view::npos && colon > 0) {
    parts.scheme = uri.substr(0, colon + 1);
    uri = uri.substr(colon + 1);
  }
  if (uri.starts_with("//")) {
    const std::size_t end = std::min(uri.find('/', 2), uri.size());
    parts.authority = uri.substr(0, end);
    uri = uri.substr(end);
  }
  parts.path = uri;
  return parts;
}

std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool rooted = path.starts_with('/');
  std::string_view last;
  for (std::size_t at = rooted ? 1 : 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    last = path.substr(at, end - at);
    if (last == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (last != ".") {
      kept.push_back(last);
    }
    at = end + 1;
  }
  if (last == "." || last == "..") kept.emplace_back();
  std::string result = rooted ? "/" : "";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) result += '/';
    result += kept[i];
  }
  return result;
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
  const Parts r = split(reference);
  const Parts b = split(base);
  std::string result;
  const auto add = [&](auto... parts) { ((result += parts), ...); };
  if (!r.scheme.empty()) {
    add(r.scheme, r.authority, r.authority.empty() ? std::string(r.path) : without_dots(r.path), r.query, r.fragment);
  } else if (!r.authority.empty()) {
    add(b.scheme, r.authority, without_dots(r.path), r.query, r.fragment);
  } else if (r.path.empty()) {
    add(b.scheme, b.authority, b.path, r.query.empty() ? b.query : r.query, r.fragment);
  } else if (r.path.starts_with('/')) {
    add(b.scheme, b.authority, without_dots(r.path), r.query, r.fragment);
  } else {
    std::string path;
    if (!b.authority.empty() && b.path.empty()) {
      path = "/";
    } else if (const std::size_t slash = b.path.rfind('/'); slash != std::string_view::npos) {
      path = b.path.substr(0, slash + 1);
    }
    add(b.scheme, b.authority, without_dots(path.append(r.path)), r.query, r.fragment);
  }
  return result;
}

std::string_view without_fragment(std::string_view uri) noexcept { return uri.substr(0, uri.find('#')); }

std::string fragment_of(std::string_view uri) {
  const std::size_t hash = uri.find('#');
  if (hash == std::string_view::npos) return {};
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string result;
  for (std::size_t i = hash + 1; i < uri.size(); ++i) {
    if (uri[i] == '%' && i + 2 < uri.size() && digit(uri[i + 1]) >= 0 && digit(uri[i + 2]) >= 0) {
      result += static_cast<char>(digit(uri[i + 1]) * 16 + digit(uri[i + 2]));
      i += 2;
    } else {
      result += uri[i];
    }
  }
  return result;
}

}  // namespace moxie::constraint
