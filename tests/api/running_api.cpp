#include "running_api.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "identity/api_key.hpp"
#include "transport/target.hpp"

namespace punctual::testing {

namespace {

const Time api_start = Time{std::chrono::sys_days{std::chrono::year{2026} / 1 / 15}} + std::chrono::hours{12};

// As the HTTP transport does with its defaults.
std::optional<TargetProblem> check_http_target(std::string_view url) {
  const auto target = Target::parse(url);
  return target ? judge(*target, AddressRules()) : TargetProblem::malformed;
}

// Retries come when a test expects them, whatever the target answers to others, and a database knows nothing of the time of a
// test.
EngineSettings engine_settings_for_test() {
  EngineSettings settings;
  settings.retry_jitter_percent = 0;
  settings.host_limits = false;
  settings.max_clock_offset = milliseconds{0};
  return settings;
}

bool is_live(const boost::json::value& execution) {
  const auto status = text_of(execution.at("status"));
  return status == "pending" || status == "running";
}

template <class Id>
Id id_of(const std::string& written) {
  const auto id = Id::parse(written);
  if (!id) throw std::runtime_error("no id: " + written);
  return *id;
}

// The owner of first_key or other_key.
OrganizationId owner_of(std::string_view key) {
  OrganizationId id;
  id.value.bytes[0] = key == first_key ? 1 : 2;
  return id;
}

void add_owner_of(std::string_view key, Directory& directory) {
  Organization organization;
  organization.id = owner_of(key);
  organization.name = "owner of " + std::string(key.substr(0, 32));
  organization.signing_secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
  organization.inserted_at = api_start;
  directory.create_organization(organization);
  const auto parts = parse_api_key(key).value();
  ApiKey record;
  record.id.value = organization.id.value;
  record.organization_id = organization.id;
  record.public_id = parts.public_id;
  record.secret_hash = hash_secret(parts.secret);
  record.inserted_at = api_start;
  directory.create_key(record);
}

void prepare(Storage& storage) {
  storage.maintenance().migrate();
  (void)storage.maintenance().upkeep({api_start, EngineSettings{}.retention});
  add_owner_of(first_key, storage.directory());
  add_owner_of(other_key, storage.directory());
}

void insist(bool so, const std::string& what) {
  if (!so) throw std::runtime_error("in vain: " + what);
}

}  // namespace

std::vector<std::string> keys_of(const boost::json::value& object) {
  std::vector<std::string> out;
  for (const auto& member : object.as_object()) out.emplace_back(member.key());
  return out;
}

RunningApi::RunningApi(Changes changes)
    : clock(api_start), settings_(settings_for_test(changes)), store_(host, prepare), storage_(store_.open()) {
  start();
}

RunningApi::~RunningApi() { stop(); }

void RunningApi::restart() {
  stop();
  storage_.emplace(store_.open());
  start();
}

void RunningApi::start() {
  transport_.emplace(clock, check_http_target);
  transport_->answer_with(std::nullopt);
  const std::array<Transport*, 1> transports{&*transport_};
  notifiers_.emplace();
  engine_.emplace(storage(), transports, *notifiers_, clock, host, engine_settings_for_test());
  engine_->start();
  frontend_.emplace(settings_, host);
  frontend_->start(*engine_);
}

void RunningApi::stop() {
  frontend_->stop(milliseconds{0});
  engine_->drain(milliseconds{0});
  frontend_.reset();
  engine_.reset();
  storage_.reset();
}

std::string RunningApi::create(std::string_view body) const {
  const auto reply = client().post("/api/v1/tasks", body);
  insist(reply.status == 201 || reply.status == 202, "creating a task: " + reply.body);
  const auto json = reply.json();
  const auto& data = json.at("data").as_object();
  return text_of(data.contains("id") ? data.at("id") : data.at("task_id"));
}

boost::json::value RunningApi::get(const std::string& path) const {
  const auto reply = client().get(path);
  insist(reply.status == 200, "GET " + path + ": " + reply.body);
  return reply.json().at("data");
}

boost::json::array RunningApi::executions_of(const std::string& task) const {
  return get("/api/v1/tasks/" + task + "/executions").as_array();
}

std::string RunningApi::send(const std::string& task) {
  const auto executions = executions_of(task);
  const auto next = std::find_if(executions.rbegin(), executions.rend(), is_live);
  insist(next != executions.rend(), "finding an execution that has not ended");
  const auto due = parse_rfc3339(text_of(next->at("scheduled_for"))).value();
  if (due > clock.now()) clock.advance(due - clock.now());
  const auto execution = text_of(next->at("id"));
  const auto is_sent = [&] {
    const auto started = transport().started();
    return std::any_of(started.begin(), started.end(),
                       [&](const Delivery& delivery) { return delivery.id.text() == execution; });
  };
  insist(eventually(is_sent), "waiting for the request of execution " + execution);
  return execution;
}

void RunningApi::pass_by() { (void)send(create(R"({"url":"https://example.com/pass-by","delay":1})")); }

void RunningApi::finish(const std::string& execution, DeliveryOutcome outcome) {
  transport().finish(id_of<ExecutionId>(execution), std::move(outcome));
  insist(eventually([&] { return !is_live(get("/api/v1/executions/" + execution)); }),
         "waiting for the end of execution " + execution);
}

std::string RunningApi::run(const std::string& task, int status) {
  const auto execution = send(task);
  finish(execution, status);
  return execution;
}

void RunningApi::advance_until_claimed(microseconds by, const std::string& task) {
  const auto execution = id_of<ExecutionId>(text_of(executions_of(task).at(0).at("id")));
  clock.advance(by);
  const auto is_claimed = [&] {
    const auto stored = storage().tasks().find_execution(owner_of(first_key), execution);
    return stored && stored->execution.status == ExecutionStatus::running;
  };
  insist(eventually(is_claimed), "waiting for the claim of execution " + execution.text());
}

TaskSpec RunningApi::spec_of(const std::string& task) {
  auto found = storage().tasks().find(owner_of(first_key), id_of<TaskId>(task));
  insist(found.has_value(), "finding task " + task);
  return std::move(found->spec);
}

std::size_t RunningApi::task_count() {
  TaskQuery query;
  query.organization_id = owner_of(first_key);
  query.limit = 100;
  return storage().tasks().list(query).items.size();
}

}  // namespace punctual::testing
