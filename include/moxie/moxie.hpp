// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a host needs to load a model, run it, talk with it, and give it tools. Parts of it, and what writing a router or
// an expert needs, are in the headers of their layers.

#include <moxie/chat/chat.hpp>
#include <moxie/constraint/matcher.hpp>
#include <moxie/context/context.hpp>
#include <moxie/core/units.hpp>
#include <moxie/kernel/grammar_constraint.hpp>
#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/pathway.hpp>
#include <moxie/tool/tool.hpp>
#include <moxie/tool/toolbox.hpp>
