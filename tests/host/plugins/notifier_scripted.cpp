// notifier-scripted does what its settings say, most of it bad: for tests of what stands between plugins and the server. It
// writes to the C header itself, so that what it throws crosses the boundary.
#include <fcntl.h>
#include <pthread.h>
#include <punctual/notifier.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

struct Scripted {
  const punctual_host* host;
};

// What only this library knows.
class Escaped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

const char* setting(const punctual_host* host, const char* name) { return host->setting(host->self, name); }

// The behaviour now: the setting itself or, of "@FILE", what stands in the file, so that a test may change it.
std::string behaviour(const punctual_host* host) {
  std::string text = setting(host, "behaviour");
  if (text.rfind('@', 0) != 0) return text;
  std::ifstream file(text.substr(1));
  std::getline(file, text);
  return text;
}

// For `scripted.wait`, but no longer than until the file `scripted.until` is there; for ever when neither is given.
void block(const punctual_host* host) {
  const std::string begun_file = setting(host, "begun");
  if (!begun_file.empty()) std::ofstream(begun_file).put('x');
  const std::string until = setting(host, "until");
  const auto wait = std::chrono::milliseconds(std::atoll(setting(host, "wait")));
  const auto begun = std::chrono::steady_clock::now();
  for (;;) {
    if (!until.empty() && access(until.c_str(), F_OK) == 0) return;
    if (wait.count() > 0 && std::chrono::steady_clock::now() - begun >= wait) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void misbehave(const punctual_host* host, const std::string& where) {
  const auto what = behaviour(host);
  if (what == where + "block") block(host);
  if (what == where + "throw") throw Escaped("the script throws");
  if (what == where + "throw-number") throw 42;
  if (what == where + "end-thread") pthread_exit(nullptr);
  if (what == "end-each-thread" && where != "create-") pthread_exit(nullptr);
  if (what == where + "cancel-thread") (void)pthread_cancel(pthread_self());
}

std::string quoted(const char* text) {
  std::string out = "\"";
  for (const char* at = text; *at != '\0'; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c == '"' || c == '\\') out += '\\';
    if (c >= 0x20) {
      out += *at;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    }
  }
  return out + '"';
}

// One line, in one write, so that several servers may have one file.
void record(const punctual_host* host, const punctual_event& event) {
  const std::string file = setting(host, "file");
  if (file.empty()) return;
  std::ostringstream line;
  line << "{\"id\":" << quoted(event.id) << ",\"kind\":" << quoted(event.kind)
       << ",\"organization\":" << quoted(event.organization) << ",\"channel\":" << quoted(event.channel)
       << ",\"subject\":" << quoted(event.subject) << ",\"detail\":" << quoted(event.detail)
       << ",\"task_id\":" << quoted(event.task_id) << ",\"task_name\":" << quoted(event.task_name)
       << ",\"task_url\":" << quoted(event.task_url) << ",\"task_method\":" << quoted(event.task_method)
       << ",\"execution_id\":" << quoted(event.execution_id)
       << ",\"execution_status\":" << quoted(event.execution_status) << ",\"status_code\":" << event.status_code
       << ",\"attempt\":" << event.attempt << ",\"error_message\":" << quoted(event.error_message)
       << ",\"response_body\":" << quoted(event.response_body) << ",\"message\":" << quoted(event.message)
       << ",\"link\":" << quoted(event.link) << ",\"occurred_at_ms\":" << event.occurred_at_ms
       << ",\"since_ms\":" << event.since_ms << ",\"count\":" << event.count
       << ",\"text\":" << quoted(setting(host, "text")) << ",\"json\":" << event.json << "}\n";
  const auto text = line.str();
  const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const bool written = opened >= 0 && write(opened, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int problem = errno;
  if (opened >= 0) close(opened);
  if (!written) throw std::runtime_error(file + ": " + std::strerror(problem));
}

void leak(std::size_t size) {
#ifdef __SANITIZE_ADDRESS__
  // What the heap has lost LeakSanitizer would report.
  void* leaked = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (leaked == MAP_FAILED) return;
#else
  void* leaked = std::malloc(size);
  if (leaked == nullptr) return;
#endif
  for (std::size_t i = 0; i < size; i += 512) static_cast<volatile char*>(leaked)[i] = 1;
}

// Asks `scripted.url` and leaves what came back, or why nothing did, in `error`.
std::int32_t send(const punctual_host* host, const punctual_event& event, char* error, std::size_t error_size) {
  punctual_http_request request{};
  request.struct_size = sizeof request;
  request.method = "POST";
  request.url = setting(host, "url");
  request.headers = "Content-Type: application/json\r\n";
  request.body = event.json;
  request.body_size = std::strlen(event.json);
  request.timeout_ms = 5000;
  punctual_http_response response{};
  response.struct_size = sizeof response;
  if (host->http(host->self, &request, &response) != 0) {
    std::snprintf(error, error_size, "%s", response.error);
    return PUNCTUAL_RETRY_LATER;
  }
  if (response.status / 100 == 2) return PUNCTUAL_DELIVERED;
  std::snprintf(error, error_size, "HTTP %d, %.200s", response.status, response.body);
  return PUNCTUAL_GIVE_UP;
}

void* create(const char*, const punctual_host* host, char* error, std::size_t error_size) {
  misbehave(host, "create-");
  if (behaviour(host) == "create-refuse") {
    std::snprintf(error, error_size, "%s", setting(host, "text"));
    return nullptr;
  }
  if (behaviour(host) == "create-send") {
    punctual_event nothing{};
    nothing.json = "{}";
    if (send(host, nothing, error, error_size) != PUNCTUAL_DELIVERED) return nullptr;
  }
  return new Scripted{host};
}

void destroy(void* instance) {
  auto* self = static_cast<Scripted*>(instance);
  const auto* host = self->host;
  delete self;
  misbehave(host, "destroy-");
}

std::int32_t notify(void* instance, const punctual_event* event, char* error, std::size_t error_size) {
  const auto* host = static_cast<Scripted*>(instance)->host;
  const auto what = behaviour(host);
  misbehave(host, "");
  if (what == "leak") leak(64 * 1024);
  if (what == "leak-little") leak(48);
  if (what == "log") host->log(host->self, PUNCTUAL_INFO, setting(host, "text"));
  std::snprintf(error, error_size, "%s", setting(host, "text"));
  if (what == "retry") return PUNCTUAL_RETRY_LATER;
  if (what == "give-up") return PUNCTUAL_GIVE_UP;
  if (what == "nonsense") return 7;
  if (what == "send") return send(host, *event, error, error_size);
  record(host, *event);
  return PUNCTUAL_DELIVERED;
}

constexpr punctual_setting settings[] = {
    {"scripted.behaviour", PUNCTUAL_STRING, "deliver",
     "notify: deliver, retry, give-up, nonsense, log, send, leak, leak-little; throw, throw-number, block, end-thread, "
     "cancel-thread, which create- and destroy- may stand before; end-each-thread in notify and destroy; "
     "create-refuse, "
     "create-send. Of @FILE, what is in the file at each call."},
    {"scripted.file", PUNCTUAL_STRING, "", "Gets one JSON object a line for each event that is delivered."},
    {"scripted.wait", PUNCTUAL_DURATION, "0s", "How long block lasts; 0: until `until`."},
    {"scripted.until", PUNCTUAL_STRING, "", "block ends when this file is there."},
    {"scripted.begun", PUNCTUAL_STRING, "", "block makes this file when it begins."},
    {"scripted.text", PUNCTUAL_STRING, "as the script says", "What is said of a failure."},
    {"scripted.url", PUNCTUAL_STRING, "", "Where send sends to."},
    {"scripted.token", PUNCTUAL_STRING, "", "A setting that is never shown."},
    {"scripted.relay", PUNCTUAL_STRING, "relay.example", "A setting that belongs to the server."},
};

constexpr const char* server_settings[] = {"scripted.relay", nullptr};

constexpr punctual_notifier_v1 operations{sizeof operations, notify, server_settings};

}  // namespace

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1() {
  static constexpr punctual_plugin plugin{.struct_size = sizeof plugin,
                                          .abi = PUNCTUAL_PLUGIN_ABI,
                                          .kind = PUNCTUAL_NOTIFIER,
                                          .name = "notifier-scripted",
                                          .version = "1.0",
                                          .cxx_abi_tag = "",
                                          .settings = settings,
                                          .settings_count = sizeof settings / sizeof *settings,
                                          .create = create,
                                          .destroy = destroy,
                                          .operations = &operations,
                                          .next = nullptr};
  return &plugin;
}
