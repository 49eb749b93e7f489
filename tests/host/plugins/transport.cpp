// A C++ plugin through the whole of plugin.hpp: a transport that sends nothing and uses all that the host gives.
#include <punctual/plugin.hpp>

namespace {

using namespace punctual;

class SilentTransport final : public Transport {
 public:
  SilentTransport(const Settings& settings, Host& host) : scheme_(settings.string("silent.scheme")), host_(host) {
    host_.metrics().counter("punctual_silent_created_total", "Created.").add();
    if (scheme_.empty()) throw std::invalid_argument("silent.scheme is empty");
  }
  ~SilentTransport() override {
    host_.log(drained_ ? LogLevel::info : LogLevel::error, drained_ ? "drained" : "not drained");
  }

  [[nodiscard]] std::vector<std::string> schemes() const override { return {scheme_}; }
  [[nodiscard]] std::optional<TargetProblem> check_target(std::string_view) const override { return std::nullopt; }
  void start(Delivery, DeliveryCompletion completion) noexcept override { completion(DeliveryOutcome{}); }
  void cancel(ExecutionId) noexcept override {}
  void drain(milliseconds) noexcept override { drained_ = true; }

 private:
  std::string scheme_;
  Host& host_;
  bool drained_ = false;
};

constexpr punctual_setting settings[] = {{"silent.scheme", PUNCTUAL_STRING, "silent", "The scheme that is served."}};

}  // namespace

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1() {
  static const auto plugin = punctual::describe_plugin<punctual::Transport, SilentTransport>("silent", settings);
  return &plugin;
}
