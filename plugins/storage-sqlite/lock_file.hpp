// LockFile: a file that one process at a time holds locked, with its name in it. The lock ends with the process, however
// that ends. One thread at a time.
#pragma once

#include <filesystem>
#include <optional>

#include "punctual/storage.hpp"

namespace punctual::sqlite {

class LockFile {
 public:
  // Locks `path`, making it when it is not there, and writes who holds it. Throws Conflict, naming the holder, while another
  // has it, and Unavailable when the file cannot be opened.
  LockFile(const std::filesystem::path& path, const NodeInfo& holder);
  ~LockFile();
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;

  // Writes another name for the holder.
  void write_holder(const NodeInfo& holder);

  // Who has `path` locked, without touching the lock; nullopt: nobody, or one that has not written its name yet.
  [[nodiscard]] static std::optional<NodeInfo> holder_of(const std::filesystem::path& path);

 private:
  int descriptor_;
};

}  // namespace punctual::sqlite
