// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place where the version is written; CMakeLists.txt reads it from here.
#define MOXIE_VERSION_MAJOR 0
#define MOXIE_VERSION_MINOR 1
#define MOXIE_VERSION_PATCH 0
