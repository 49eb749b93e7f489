// Deployment: what is measured: a fresh store, a server on it with an organisation and its key, a target. For one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "load/generator.hpp"
#include "server_process.hpp"
#include "store.hpp"
#include "target_process.hpp"

namespace punctual::bench {

// Where the programs are and where what they write may go.
struct Place {
  std::filesystem::path server;            // the executable punctual
  std::filesystem::path target;            // the executable target
  std::filesystem::path postgres_cluster;  // the folder that was given to postgres-cluster; empty: no Postgres
  std::filesystem::path peers;             // the program that measures peers; empty: they are left out
  std::filesystem::path folder;            // of this run
};

// A task that the API has accepted.
struct Created {
  std::string task_id;
  std::string execution_id;
};

class Deployment {
 public:
  Deployment(const Place& place, StorageKind kind, std::vector<std::string> settings = {});
  ~Deployment();
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] ServerProcess& server() { return *server_; }
  [[nodiscard]] TargetProcess& target() { return *target_; }
  [[nodiscard]] const std::string& key() const { return key_; }

  // Another organisation; gives its key.
  [[nodiscard]] std::string add_organization(const std::string& name) const;
  // One more target, for whom nothing else goes to the first.
  [[nodiscard]] std::unique_ptr<TargetProcess> another_target() const;

  void stop_server() { server_.reset(); }
  // On the same store.
  void start_server();

  // `task` as the API takes it. Throws std::runtime_error when it is not accepted.
  [[nodiscard]] Created create(const std::string& key, const boost::json::object& task) const;

  // Stores so many tasks with one successful execution each, as of the last two days of this week. The server is restarted.
  void fill_finished(std::uint32_t count);
  // Stores tasks that are due now, of the organisation with this key, each with this body; the times and ids of `copies` are
  // filled in. The server must run and is stopped.
  void fill_due(const std::string& key, Copies copies, const std::string& body);

  // Requests of this organisation to this server, with numbers that were not used before.
  [[nodiscard]] TaskRequests requests(const Mix& mix, const std::string& query = "");
  // Sends the load and remembers which numbers it has used.
  [[nodiscard]] LoadReport run(TaskRequests& requests, const Load& load);
  [[nodiscard]] CpuMeter meter();

  // Waits until the server has stored so many results since it was started, at most `limit`. False: it has not.
  [[nodiscard]] bool wait_for_results(double count, milliseconds limit) const;

 private:
  Place place_;
  StorageKind kind_;
  std::vector<std::string> settings_;
  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<TargetProcess> target_;
  std::unique_ptr<ServerProcess> server_;
  std::string key_;
  std::uint32_t next_number_ = 0;
};

}  // namespace punctual::bench
