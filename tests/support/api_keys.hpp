// The API keys of two organisations, for tests.
#pragma once

#include <string_view>

namespace punctual::testing {

inline constexpr std::string_view first_key =
    "pk_live_aaaaaaaaaaaaaaaaaaaaaaaa.sk_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
// Of another organisation.
inline constexpr std::string_view other_key =
    "pk_live_bbbbbbbbbbbbbbbbbbbbbbbb.sk_live_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

}  // namespace punctual::testing
