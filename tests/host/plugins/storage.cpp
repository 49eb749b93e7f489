// A storage plugin that keeps nothing and only tells which URL it was given.
#include <punctual/plugin.hpp>

namespace {

using namespace punctual;

class ForgetfulStorage final : public Storage {
 public:
  ForgetfulStorage(const Settings& settings, Host& host) { host.log(LogLevel::info, settings.string("storage.url")); }

  WorkStore& work() noexcept override { std::terminate(); }
  Outbox& outbox() noexcept override { std::terminate(); }
  Leases& leases() noexcept override { std::terminate(); }
  Signals& signals() noexcept override { std::terminate(); }
  TaskStore& tasks() noexcept override { std::terminate(); }
  QueueStore& queues() noexcept override { std::terminate(); }
  TaskGroups& groups() noexcept override { std::terminate(); }
  ExecutionChanges& execution_changes() noexcept override { std::terminate(); }
  Schedules& schedules() noexcept override { std::terminate(); }
  Directory& directory() noexcept override { std::terminate(); }
  AuditLog& audit() noexcept override { std::terminate(); }
  Quotas& quotas() noexcept override { std::terminate(); }
  Maintenance& maintenance() noexcept override { std::terminate(); }
  HostStates& hosts() noexcept override { std::terminate(); }
  Channels& channels() noexcept override { std::terminate(); }
};

constexpr punctual_setting settings[] = {
    {"storage.url", PUNCTUAL_STRING, "sqlite:precious.db", "Where tasks are kept."}};

}  // namespace

extern "C" PUNCTUAL_EXPORT const punctual_plugin* punctual_plugin_v1() {
  static const auto plugin = punctual::describe_plugin<punctual::Storage, ForgetfulStorage>("forgetful", settings);
  return &plugin;
}
