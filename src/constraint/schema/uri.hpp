// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace moxie::inline abi1::constraint {

/// A reference made whole by the URI of where it stands.  Source  RFC 3986, section 5.2.
std::string resolve_uri(std::string_view base, std::string_view reference);
/// What stands in front of the fragment, and the fragment, percent signs decoded.
std::string_view without_fragment(std::string_view uri) noexcept;
std::string fragment_of(std::string_view uri);

}  // namespace moxie::constraint
