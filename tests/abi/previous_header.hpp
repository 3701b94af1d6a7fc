// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

// What the plug-in exports: tables and their objects, as C programs do it.
extern "C" {
const void* previous_router_table();
const void* previous_expert_table();
}
std::shared_ptr<const void> previous_object();
