// notifier-file: appends one line for each event to a file.
#include <punctual/notifier.hpp>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>

namespace {

// Settings are declared here and can then be given to a channel, or to all channels in the server's configuration. Begin their
// names with a section of your own.
constexpr punctual_setting settings[] = {
    {"file.path", PUNCTUAL_STRING, "", "The file that lines are appended to."},
    {"file.prefix", PUNCTUAL_STRING, "", "What each line begins with."},
};

// 2026-11-23T20:00:00Z
std::string time_text(std::int64_t milliseconds) {
  const std::time_t seconds = milliseconds / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const auto size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text, size);
}

class FileNotifier {
 public:
  // For each channel, when there is something to tell it. What is thrown here says why the channel does not work.
  explicit FileNotifier(const punctual::NotifierHost& host)
      : host_(host), path_(host.setting("path")), prefix_(host.setting("prefix")) {
    if (path_.empty()) throw std::invalid_argument("file.path is not set");
  }

  // One event. Returning means that it has been delivered; an exception, that it should be told again later. Throw a
  // punctual::GiveUp when there is no use in that.
  void notify(const punctual::Event& event) {
    std::ofstream file(path_, std::ios::app);
    file << prefix_ + time_text(event.occurred_at_ms()) + " " + event.kind() + " " + event.message() + "\n";
    file.close();
    if (!file) throw std::runtime_error(path_ + ": " + std::strerror(errno));
    host_.log(PUNCTUAL_DEBUG, "wrote " + event.kind() + " to " + path_);
  }

 private:
  punctual::NotifierHost host_;
  std::string path_;
  std::string prefix_;
};

}  // namespace

PUNCTUAL_NOTIFIER(FileNotifier, "notifier-file", "1.0.0", settings)
