// One delivery on its way: curl's easy handle and all that it points to. Made once, used for many deliveries one after
// another. Only the thread of its loop may touch it.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "punctual/transport.hpp"
#include "transport/address_rules.hpp"
#include "transport/request_headers.hpp"
#include "transport/response.hpp"
#include "transport/target.hpp"
#include "transport/transport_settings.hpp"

namespace punctual {

using Steady = std::chrono::steady_clock;

// What all transfers share. Immutable.
struct TransferRules {
  TransportSettings settings;
  AddressRules addresses;
};

struct StartedDelivery {
  Delivery delivery;
  DeliveryCompletion completion;
  Steady::time_point started_at;  // when start() was called: the timeout counts from here
};

class Transfer;

// Told while curl runs; must not call curl.
class TransferListener {
 public:
  // A connection is being opened to an address of the host, which is known then; or an open one is used again, and it was
  // not asked for. To a transfer prepared with Lookup::fresh one of both is told unless it ends before.
  virtual void on_connecting(Transfer& transfer, bool address_known) = 0;

 protected:
  ~TransferListener() = default;
};

enum class Lookup : std::uint8_t {
  cached,  // use the address that is known
  fresh,   // forget it and ask again
};

class Transfer {
 public:
  Transfer(const TransferRules& rules, TransferListener& listener);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Takes a delivery. An outcome: it cannot be sent, and this is why.
  [[nodiscard]] std::optional<DeliveryOutcome> begin(StartedDelivery started);

  // Makes easy() ready to be added to a multi handle for the present hop; it may be another handle than before. Throws
  // std::bad_alloc.
  void prepare(Steady::time_point now, Time wall_now, Lookup lookup);

  // Whether the response that just ended points elsewhere and may be followed.
  [[nodiscard]] bool wants_redirect(CURLcode code) const;
  // Goes there. nullopt: prepare() is next; else the delivery has ended like this.
  [[nodiscard]] std::optional<DeliveryOutcome> redirect();

  // The outcome of a transfer that curl has ended with `code`; once for each.
  [[nodiscard]] DeliveryOutcome outcome(CURLcode code, Steady::time_point now);
  // The outcome of one that is ended from here.
  [[nodiscard]] DeliveryOutcome ended(DeliveryResult result, std::string error, Steady::time_point now) const;

  // Gives the completion away and forgets the delivery. easy() is in no multi handle then.
  [[nodiscard]] DeliveryCompletion release();

  [[nodiscard]] CURL* easy() const noexcept { return easy_.get(); }
  [[nodiscard]] ExecutionId id() const noexcept { return delivery_.id; }
  [[nodiscard]] const Target& target() const noexcept { return *target_; }
  [[nodiscard]] Steady::time_point deadline() const noexcept { return deadline_; }
  // Whether a new connection had to be opened. After the end.
  [[nodiscard]] bool opened_connection() const;

  // For the loop's own books.
  std::size_t position = 0;

 private:
  struct Cleanup {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
  };

  void set_receive_buffer();
  void set_constant_options();
  void forget_options();
  void set_limits(Steady::time_point now);
  void set_request();
  void set_lookup(Lookup lookup);

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_before_request(void* self, char*, char*, int, int);

  const TransferRules& rules_;
  TransferListener& listener_;
  std::unique_ptr<CURL, Cleanup> easy_;
  bool configured_ = false;  // easy_ has the constant options, and of the last request only what the next one sets anew
  bool clean_ = false;       // the last request has left nothing in easy_ that could get into another one
  Delivery delivery_;
  DeliveryCompletion completion_;
  std::optional<Target> target_;
  RequestHeaders headers_;
  Response response_;
  Steady::time_point deadline_;
  Steady::time_point sent_steady_;
  std::optional<Time> sent_at_;
  int hops_left_ = 0;
  int socket_error_ = 0;
  bool socket_opened_ = false;
  std::string blocked_address_;
  std::string forget_address_;
  curl_slist forget_node_{};
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace punctual
