#include "lock_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

// Over the whole file. Such a lock belongs to the open file (fcntl(2), "Open file description locks"), so two stores of one
// process exclude each other, too; and one can ask for it without taking it, which must not make a server's start fail.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::optional<NodeInfo> read_holder(int descriptor) {
  char text[500];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  if (size <= 0) return std::nullopt;
  std::istringstream lines(std::string(text, static_cast<std::size_t>(size)));
  std::string pid, host, id, at;
  if (!(std::getline(lines, pid) && std::getline(lines, host) && std::getline(lines, id) && std::getline(lines, at))) {
    return std::nullopt;
  }
  NodeInfo holder;
  holder.host = host;
  const auto node = NodeId::parse(id);
  const auto since = parse_rfc3339(at);
  const bool numeric = std::from_chars(pid.data(), pid.data() + pid.size(), holder.pid).ec == std::errc();
  if (!node || !since || !numeric) return std::nullopt;
  holder.id = *node;
  holder.at = *since;
  return holder;
}

std::string name_of_holder(int descriptor) {
  const auto holder = read_holder(descriptor);
  // The holder writes its name just after it has the lock.
  return holder ? "process " + std::to_string(holder->pid) + " on " + holder->host : "another process";
}

}  // namespace

LockFile::LockFile(const std::filesystem::path& path, const NodeInfo& holder)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) throw Unavailable("cannot open " + path.string() + ": " + std::strerror(errno));
  auto lock = whole_file();
  if (::fcntl(descriptor_, F_OFD_SETLK, &lock) != 0) {
    const int problem = errno;
    const std::string name = name_of_holder(descriptor_);
    ::close(descriptor_);
    if (problem != EAGAIN && problem != EACCES) {
      throw Unavailable("cannot lock " + path.string() + ": " + std::strerror(problem));
    }
    throw Conflict("the database is in use by " + name + " (" + path.string() + ")");
  }
  write_holder(holder);
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

void LockFile::write_holder(const NodeInfo& holder) {
  const std::string text = std::to_string(holder.pid) + "\n" + holder.host + "\n" + holder.id.text() + "\n" +
                           format_rfc3339(holder.at) + "\n";
  // The name is for people; the lock holds without it.
  if (::pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
    (void)!::ftruncate(descriptor_, static_cast<off_t>(text.size()));
  }
}

std::optional<NodeInfo> LockFile::holder_of(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  auto lock = whole_file();
  std::optional<NodeInfo> holder;
  if (::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) holder = read_holder(descriptor);
  ::close(descriptor);
  return holder;
}

}  // namespace punctual::sqlite
