#include "steady_load.hpp"

#include <memory>
#include <optional>

#include "support/http_client.hpp"

namespace punctual::testing {
namespace {

// Connections of one client, one a server, made anew when they break.
class Connections {
 public:
  HttpReply post(const std::string& address, const std::string& key, const std::string& body) {
    auto& connection = by_address_[address];
    if (!connection) connection = std::make_unique<HttpConnection>(address);
    try {
      auto reply = connection->request(
          "POST", "/api/v1/tasks", {{"Authorization", "Bearer " + key}, {"Content-Type", "application/json"}}, body);
      if (reply.header("Connection") == "close") connection.reset();
      return reply;
    } catch (...) {
      connection.reset();
      throw;
    }
  }

 private:
  std::map<std::string, std::unique_ptr<HttpConnection>> by_address_;
};

}  // namespace

SteadyLoad::SteadyLoad(std::vector<Client> clients, Addresses addresses) : addresses_(std::move(addresses)) {
  for (auto& client : clients) {
    threads_.emplace_back([this, client = std::move(client)] { run(client); });
  }
}

SteadyLoad::Account SteadyLoad::finish() {
  stopping_ = true;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return *account_.lock();
}

void SteadyLoad::run(const Client& client) {
  Connections connections;
  std::size_t turn = 0;
  for (int number = 0; !stopping_; ++number) {
    const std::string body = client.name + "-" + std::to_string(number);
    const auto addresses = addresses_();
    std::optional<HttpReply> reply;
    try {
      reply = connections.post(addresses[turn++ % addresses.size()], client.key,
                               "{" + client.fields(number) + R"(,"body":")" + body + "\"}");
    } catch (const std::exception&) {
      // Its server is gone.
    }
    {
      auto account = account_.lock();
      if (reply) ++account->answers[reply->status];
      if (!reply) {
        ++account->broken;
        account->unclear.insert(body);
      } else if (reply->status == 202) {
        const auto due = parse_rfc3339(reply->json().at("data").at("scheduled_for").as_string());
        account->accepted.emplace(body, due.value());
      } else if (reply->status == 503) {
        account->unclear.insert(body);
        if (!reply->header("Retry-After")) ++account->unhelpful;
      } else {
        account->unexpected = std::to_string(reply->status) + " " + reply->body;
      }
    }
    std::this_thread::sleep_for(client.pause);
  }
}

}  // namespace punctual::testing
