#include "host/plugin_library.hpp"

#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>
#include <string>

#include "host/masking.hpp"
#include "host/plugin_descriptor.hpp"
#include "host/thrown_text.hpp"
#include "punctual/notifier.h"

namespace punctual {
namespace {

using EntryPoint = const punctual_plugin*();

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& reason) {
  throw PluginRefused(one_line(file.string() + ": " + reason));
}

// The loader's own words are the useful part; it puts the file in front of them, as we do.
std::string loader_error(const std::filesystem::path& file) {
  const char* text = dlerror();
  if (text == nullptr) return "unknown reason";
  std::string_view reason = text;
  const std::string prefix = file.string() + ": ";
  if (reason.starts_with(prefix)) reason.remove_prefix(prefix.size());
  return std::string(reason);
}

boost::dll::shared_library open(const std::filesystem::path& file) {
  std::error_code failed;
  boost::dll::shared_library library(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local, failed);
  if (failed) refuse(file, "cannot be loaded: " + loader_error(file));
  return library;
}

const punctual_plugin* call_entry_point(const std::filesystem::path& file, const boost::dll::shared_library& library) {
  if (!library.has(PUNCTUAL_PLUGIN_SYMBOL)) {
    refuse(file, "is not a Punctual plugin: it exports no " PUNCTUAL_PLUGIN_SYMBOL);
  }
  const punctual_plugin* first = nullptr;
  const auto thrown = thrown_by([&] { first = library.get<EntryPoint>(PUNCTUAL_PLUGIN_SYMBOL)(); });
  if (thrown) refuse(file, PUNCTUAL_PLUGIN_SYMBOL " threw: " + *thrown);
  if (first == nullptr) refuse(file, PUNCTUAL_PLUGIN_SYMBOL " returned null");
  return first;
}

}  // namespace

class PluginLibrary::Handle {
 public:
  explicit Handle(boost::dll::shared_library library) : library_(std::move(library)) {}
  [[nodiscard]] const boost::dll::shared_library& library() const noexcept { return library_; }

 private:
  boost::dll::shared_library library_;
};

std::string_view kind_name(punctual_plugin_kind kind) {
  switch (kind) {
    case PUNCTUAL_STORAGE:
      return "storage";
    case PUNCTUAL_TRANSPORT:
      return "transport";
    case PUNCTUAL_FRONTEND:
      return "frontend";
    case PUNCTUAL_NOTIFIER:
      return "notifier";
  }
  return "unknown";
}

std::vector<std::string_view> Plugin::server_settings() const {
  std::vector<std::string_view> out;
  const auto* operations = static_cast<const punctual_notifier_v1*>(descriptor->operations);
  if (kind() != PUNCTUAL_NOTIFIER || !PUNCTUAL_HAS(operations, server_settings)) return out;
  for (const auto* at = operations->server_settings; at != nullptr && *at != nullptr; ++at) out.emplace_back(*at);
  return out;
}

PluginLibrary::PluginLibrary(const std::filesystem::path& file)
    : file_(std::filesystem::absolute(file).lexically_normal()),
      handle_(std::make_unique<Handle>(open(file_))),
      plugins_(check_descriptors(file_, call_entry_point(file_, handle_->library()))) {}

PluginLibrary::~PluginLibrary() = default;
PluginLibrary::PluginLibrary(PluginLibrary&&) noexcept = default;
PluginLibrary& PluginLibrary::operator=(PluginLibrary&&) noexcept = default;

void PluginLibrary::keep_loaded(const std::filesystem::path& file) noexcept {
  // The handle is never closed.
  (void)dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

bool PluginLibrary::is_loaded(const std::filesystem::path& file) {
  void* handle = dlopen(std::filesystem::absolute(file).lexically_normal().c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return false;
  dlclose(handle);
  return true;
}

}  // namespace punctual
