// LockFile: a file that one process at a time holds locked, with its name in it. The lock ends with the process, however
// that ends. One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace punctual::sqlite {

class LockFile {
 public:
  // Locks `path`, making it when it is not there, and writes who holds it. Throws Conflict, naming the holder, while another
  // has it, and Unavailable when the file cannot be opened.
  LockFile(const std::filesystem::path& path, const std::string& host, std::int64_t pid);
  ~LockFile();
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;

 private:
  int descriptor_;
};

}  // namespace punctual::sqlite
