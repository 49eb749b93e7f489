// Reads storage.url. Any thread.
#pragma once

#include <filesystem>
#include <string_view>

namespace punctual::sqlite {

// The absolute path that "sqlite:rel.db", "sqlite:/abs.db" or "sqlite:///abs.db" names. Throws Invalid when it is none of
// these, when its folder does not exist or when it names a folder. The url is not repeated in the text: it may be that of
// another database, with a password in it.
[[nodiscard]] std::filesystem::path database_path(std::string_view url);

}  // namespace punctual::sqlite
