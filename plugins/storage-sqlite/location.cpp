#include "location.hpp"

#include "punctual/errors.hpp"

namespace punctual::sqlite {

std::filesystem::path database_path(std::string_view url) {
  constexpr std::string_view scheme = "sqlite:";
  if (!url.starts_with(scheme)) {
    throw Invalid("storage.url",
                  "must begin with \"sqlite:\", as in sqlite:punctual.db or sqlite:///var/lib/punctual.db");
  }
  std::string_view path = url.substr(scheme.size());
  if (path.starts_with("///")) {
    path.remove_prefix(2);
  } else if (path.starts_with("//")) {
    throw Invalid("storage.url", "must not name a host: write sqlite:///absolute/file or sqlite:file");
  }
  if (path.empty() || path.starts_with(":") || path.find('?') != path.npos || path.find('\0') != path.npos) {
    throw Invalid("storage.url", "must name a file after \"sqlite:\"");
  }
  auto file = std::filesystem::absolute(std::filesystem::path(path)).lexically_normal();
  // One file, one lock: two servers that reach it by different links must find the same lock file.
  std::error_code unresolved;
  if (auto real = std::filesystem::weakly_canonical(file, unresolved); !unresolved) file = std::move(real);
  std::error_code ignored;
  if (!std::filesystem::is_directory(file.parent_path(), ignored)) {
    throw Invalid("storage.url", "names a file in a folder that does not exist: " + file.parent_path().string());
  }
  if (std::filesystem::is_directory(file, ignored) || !file.has_filename()) {
    throw Invalid("storage.url", "names a folder, not a file: " + file.string());
  }
  return file;
}

}  // namespace punctual::sqlite
