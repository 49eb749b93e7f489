#include "lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

std::string read_holder(int descriptor) {
  char text[300];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  // The holder writes its name just after it has the lock.
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "another process";
}

}  // namespace

LockFile::LockFile(const std::filesystem::path& path, const std::string& host, std::int64_t pid)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) throw Unavailable("cannot open " + path.string() + ": " + std::strerror(errno));
  // flock belongs to the open file, so two stores of one process exclude each other, too.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int problem = errno;
    const std::string holder = read_holder(descriptor_);
    ::close(descriptor_);
    if (problem != EWOULDBLOCK) throw Unavailable("cannot lock " + path.string() + ": " + std::strerror(problem));
    throw Conflict("the database is in use by " + holder + " (" + path.string() + ")");
  }
  const std::string holder = "process " + std::to_string(pid) + " on " + host;
  // The name is for the message alone; the lock holds without it.
  if (::ftruncate(descriptor_, 0) == 0) (void)!::pwrite(descriptor_, holder.data(), holder.size(), 0);
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace punctual::sqlite
