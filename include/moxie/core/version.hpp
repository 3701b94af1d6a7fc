// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place where the version is written; CMakeLists.txt reads it from here.
#define MOXIE_VERSION_MAJOR 0
#define MOXIE_VERSION_MINOR 1
#define MOXIE_VERSION_PATCH 0

// All names of moxie lie in the inline namespace moxie::abi1, so that two versions whose objects differ in layout or
// meaning can be linked into one program without being taken for each other. A release that breaks the ABI counts it
// up everywhere (cmake/check_layers.sh holds every file to this number); hosts write moxie::Name and see nothing of it.
#define MOXIE_ABI_VERSION 1
