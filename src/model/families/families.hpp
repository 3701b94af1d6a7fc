// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/families/family.hpp"

namespace moxie::model {

extern const Family kDeepseekV2;
extern const Family kDeepseekV3;
extern const Family kGptOss;
extern const Family kLlama;
extern const Family kMistral;
extern const Family kMixtral;
extern const Family kOlmoe;
extern const Family kQwen2;
extern const Family kQwen2Moe;
extern const Family kQwen3;
extern const Family kQwen3Moe;

}  // namespace moxie::model
