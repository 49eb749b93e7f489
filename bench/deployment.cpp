#include "deployment.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "postgres_store.hpp"

namespace punctual::bench {

namespace {

Time now() { return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()); }

std::filesystem::path new_folder(const std::filesystem::path& parent) {
  static int made = 0;
  auto folder = parent / std::to_string(++made);
  std::filesystem::create_directories(folder);
  return folder;
}

std::unique_ptr<Store> make_store(const Place& place, StorageKind kind, const std::filesystem::path& folder) {
  return kind == StorageKind::sqlite ? make_sqlite_store(folder) : make_postgres_store(place.postgres_cluster);
}

}  // namespace

Deployment::Deployment(const Place& place, StorageKind kind, std::vector<std::string> settings)
    : place_(place),
      kind_(kind),
      settings_(std::move(settings)),
      folder_(new_folder(place.folder)),
      store_(make_store(place, kind, folder_)),
      target_(std::make_unique<TargetProcess>(place.target, folder_)) {
  start_server();
  key_ = add_organization("bench");
}

Deployment::~Deployment() {
  server_.reset();                             // before what it stands on
  if (std::uncaught_exceptions() > 0) return;  // its log may tell why
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Deployment::start_server() {
  server_ =
      std::make_unique<ServerProcess>(ServerOptions{place_.server, folder_ / "server.log", store_->url(), settings_});
}

std::string Deployment::add_organization(const std::string& name) const {
  const auto punctual = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), place_.server.string());
    arguments.insert(arguments.end(), {"--storage", store_->url()});
    return output_of(arguments);
  };
  (void)punctual({"org", "create", name});
  return punctual({"key", "create", "--org", name});
}

std::unique_ptr<TargetProcess> Deployment::another_target() const {
  return std::make_unique<TargetProcess>(place_.target, folder_);
}

Created Deployment::create(const std::string& key, const boost::json::object& task) const {
  ApiClient client(server_->origin(), key);
  const Answer answer = client.post("/api/v1/tasks", task);
  if (answer.status != 202) {
    throw std::runtime_error("a task was answered " + std::to_string(answer.status) + ": " + answer.body);
  }
  const boost::json::value reply = boost::json::parse(answer.body);
  const auto& data = reply.at("data");
  return {std::string(data.at("task_id").as_string()), std::string(data.at("execution_id").as_string())};
}

void Deployment::fill_finished(std::uint32_t count) {
  const double stored = server_->stored_results();
  const Created made = create(key_, {{"url", target_->origin() + "/filled"}});
  if (!wait_for_results(stored + 1, seconds{10})) throw std::runtime_error("a first task was not delivered");
  stop_server();
  // Ids from before this week have no leaf of their own in a new database.
  const Time week = std::chrono::floor<std::chrono::days>(now()) -
                    (std::chrono::weekday{std::chrono::floor<std::chrono::days>(now())} - std::chrono::Monday);
  const Time from = std::max(week, now() - std::chrono::days{2});
  store_->copy({.task_id = made.task_id,
                .execution_id = made.execution_id,
                .count = count,
                .first_number = 900'000'000,  // numbers that nothing is created with
                .target = target_->origin(),
                .query = "",
                .from = from,
                .step = (now() - from) / std::max<std::uint32_t>(count, 1)});
  store_->settle_down();
  start_server();
  target_->reset();
}

void Deployment::fill_due(const std::string& key, Copies copies, const std::string& body) {
  // Within a leaf's width, so that it is stored as a task is that is due at once.
  const Created made = create(key, {{"url", target_->origin() + "/later"}, {"delay", "6d"}, {"body", body}});
  stop_server();
  copies.task_id = made.task_id;
  copies.execution_id = made.execution_id;
  copies.target = target_->origin();
  copies.from = now() - microseconds{copies.count};
  copies.step = microseconds{1};
  store_->copy(copies);
  store_->settle_down();
  target_->reset();
}

TaskRequests Deployment::requests(const Mix& mix, const std::string& query) {
  return {{.host = server_->host(),
           .key = key_,
           .target = target_->origin(),
           .query = query,
           .body = R"({"order":1234,"event":"order.paid"})",
           .first_number = next_number_},
          mix};
}

LoadReport Deployment::run(TaskRequests& requests, const Load& load) {
  LoadReport report = generate(server_->port(), requests, load);
  next_number_ = std::max(next_number_, requests.next_number());
  return report;
}

CpuMeter Deployment::meter() {
  MeteredProcesses processes{.server = server_->id(), .target = target_->id()};
  if (const auto* postgres = store_->postgres()) processes.postmaster = postgres->postmaster();
  return CpuMeter(processes);
}

bool Deployment::wait_for_results(double count, milliseconds limit) const {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (server_->stored_results() < count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds{10});
  }
  return true;
}

}  // namespace punctual::bench
