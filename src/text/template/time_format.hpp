// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/text/chat_template.hpp>

#include "text/template/builder.hpp"

namespace moxie::inline abi1::text {

/// strftime in the C locale, for the conversions that need no time zone. Does not ask the C library, whose answer
/// depends on the process's locale.
Value format_time(Meter& meter, const Value& format, const LocalTime& time);

}  // namespace moxie::text
