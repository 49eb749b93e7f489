// NoNotifiers: a server without notifier plugins.
#pragma once

#include "engine/notifiers.hpp"

namespace punctual {

class NoNotifiers final : public Notifiers {
 public:
  [[nodiscard]] std::vector<NotifierInfo> list() const override { return {}; }
  [[nodiscard]] std::string accept(std::string_view plugin, const boost::json::object&,
                                   std::string_view) const override {
    throw Invalid("plugin", "is not a loaded notifier plugin: " + std::string(plugin));
  }
  [[nodiscard]] std::string shown(std::string_view) const override { return "{}"; }
  [[nodiscard]] std::size_t room(std::string_view) const override { return 0; }
  void try_settings(const Channel&, NotifierCompletion completion) noexcept override {
    completion({NotifierOutcome::Kind::cancelled, {}, {}});
  }
  void tell(const Channel&, NotifierEvent, NotifierCompletion completion) noexcept override {
    completion({NotifierOutcome::Kind::cancelled, {}, {}});
  }
  void begin_nothing_more() noexcept override {}
  void drain(milliseconds) noexcept override {}
};

}  // namespace punctual
