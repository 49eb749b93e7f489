// A notifier in C++ through the whole of notifier.hpp: it logs what it is told, sends it where its setting says, and gives up
// or fails when the message says so.
#include <punctual/notifier.hpp>

#include <memory>

namespace {

class Kit {
 public:
  explicit Kit(const punctual::NotifierHost& host) : host_(host), url_(host.setting("url")) {
    if (url_ == "refused") throw std::runtime_error("kit.url is refused");
    if (url_ == "undeclared") (void)host.setting("colour");
    std::string to;
    for (const auto& name : host.list("to")) to += "<" + name + ">";
    host.log(PUNCTUAL_DEBUG, to + std::to_string(host.integer("kit.tries")) + (host.boolean("loud") ? " loud " : " ") +
                                 std::to_string(host.duration("wait").count()));
  }

  void notify(const punctual::Event& event) {
    if (event.message() == "give up") throw punctual::GiveUp("no use");
    if (event.message() == "fail") throw std::runtime_error("not now");
    if (event.message() == "bad header") {
      (void)host_.http({"POST", url_, {{"X-Name", "a\r\nb"}}, "", 1000});
    }
    host_.log(PUNCTUAL_INFO, event.kind() + "|" + event.message() + "|" + event.channel() + "|" + event.subject() +
                                 "|" + std::to_string(event.count()) + "|" + std::to_string(event.attempt()));
    if (!url_.empty()) send(event);
  }

 private:
  void send(const punctual::Event& event) {
    const auto answer = host_.http({"PUT", url_, {{"X-Kind", event.kind()}, {"X-Id", event.id()}}, event.json(), 1000});
    host_.log(PUNCTUAL_INFO, std::to_string(answer.status) + "|" + std::to_string(answer.retry_after_ms) + "|" +
                                 answer.body + "|" + answer.error);
  }

  punctual::NotifierHost host_;
  std::string url_;
};

constexpr punctual_setting settings[] = {{"kit.url", PUNCTUAL_STRING, "", "Where to."},
                                         {"kit.to", PUNCTUAL_STRING_LIST, "a,b", "To whom."},
                                         {"kit.tries", PUNCTUAL_INTEGER, "3", "How often."},
                                         {"kit.loud", PUNCTUAL_BOOLEAN, "true", "Whether."},
                                         {"kit.wait", PUNCTUAL_DURATION, "2s", "How long."}};

}  // namespace

PUNCTUAL_NOTIFIER(Kit, "notifier-kit", "1.0.0", settings)
