#include "transport/transfer.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "transport/curl_problem.hpp"

namespace punctual {
namespace {

// Small, because thousands are in flight; the least that does not slow down usual responses.
constexpr long receive_buffer_bytes = 4096;
constexpr long send_buffer_bytes = 16384;
// Longer than ResolveGate keeps an address, so that what the gate calls known is known to curl.
constexpr long address_cache_seconds = 120;
constexpr std::size_t kept_string_bytes = 65'536;

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const auto code = curl_easy_setopt(easy, option, value);
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK) throw std::logic_error("curl refuses option " + std::to_string(static_cast<int>(option)));
}

bool may_have_body(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch || method == Method::del;
}

long whole_milliseconds(Steady::duration duration) {
  // curl takes no more than an int holds.
  return std::clamp<long>(std::chrono::ceil<milliseconds>(duration).count(), 1, std::numeric_limits<int>::max());
}

}  // namespace

Transfer::Transfer(const TransferRules& rules, TransferListener& listener)
    : rules_(rules), listener_(listener), easy_(curl_easy_init()), response_(rules.settings.max_response_bytes) {
  if (!easy_) throw std::bad_alloc();
}

std::optional<DeliveryOutcome> Transfer::begin(StartedDelivery started) {
  delivery_ = std::move(started.delivery);
  completion_ = std::move(started.completion);
  deadline_ = started.started_at + delivery_.timeout;
  sent_at_.reset();
  hops_left_ = rules_.settings.follow_redirects;
  response_.clear();

  DeliveryOutcome outcome;
  target_ = Target::parse(delivery_.url);
  if (!target_) {
    outcome.error = "invalid URL";
    return outcome;
  }
  if (judge(*target_, rules_.addresses) == TargetProblem::refused) {
    outcome.result = DeliveryResult::blocked;
    outcome.error = target_->host();
    return outcome;
  }
  if (!headers_.assign(delivery_.headers)) {
    outcome.error = "invalid header";
    return outcome;
  }
  return std::nullopt;
}

void Transfer::prepare(Steady::time_point now, Time wall_now, Lookup lookup) {
  response_.clear();
  socket_error_ = 0;
  socket_opened_ = false;
  blocked_address_.clear();
  error_text_[0] = '\0';

  if (!configured_) {
    set_receive_buffer();
    set_constant_options();
    configured_ = true;
  }
  clean_ = false;
  set_limits(now);
  set_request();
  set_lookup(lookup);
  if (!sent_at_) {
    sent_at_ = wall_now;
    sent_steady_ = now;
  }
}

void Transfer::forget_options() {
  curl_easy_reset(easy());
  configured_ = false;
}

void Transfer::set_receive_buffer() {
  if (curl_easy_setopt(easy(), CURLOPT_BUFFERSIZE, receive_buffer_bytes) == CURLE_OK) return;
  // curl keeps the buffer of some transfers that failed and then refuses to set its size, while curl_easy_reset has set
  // the size back to a larger one: such a handle would write past the buffer.
  std::unique_ptr<CURL, Cleanup> fresh(curl_easy_init());
  if (!fresh) throw std::bad_alloc();
  easy_ = std::move(fresh);
  set(easy(), CURLOPT_BUFFERSIZE, receive_buffer_bytes);
}

void Transfer::set_constant_options() {
  set(easy(), CURLOPT_PRIVATE, this);
  set(easy(), CURLOPT_NOSIGNAL, 1L);
  // Else ending a transfer whose name is still being resolved would block the loop until the resolver gives up.
  set(easy(), CURLOPT_QUICK_EXIT, 1L);
  set(easy(), CURLOPT_ERRORBUFFER, error_text_);
  set(easy(), CURLOPT_UPLOAD_BUFFERSIZE, send_buffer_bytes);
  set(easy(), CURLOPT_PROXY, "");  // nor one from the environment
  set(easy(), CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy(), CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(easy(), CURLOPT_FOLLOWLOCATION, 0L);
  set(easy(), CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  set(easy(), CURLOPT_DNS_CACHE_TIMEOUT, address_cache_seconds);
  set(easy(), CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy(), CURLOPT_HEADERDATA, this);
  set(easy(), CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy(), CURLOPT_WRITEDATA, this);
  set(easy(), CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
  set(easy(), CURLOPT_OPENSOCKETDATA, this);
  set(easy(), CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy(), CURLOPT_SSL_VERIFYHOST, 2L);
  if (!rules_.settings.ca_file.empty()) {
    // The system's authorities stay trusted through their directory, which is curl's default CAPATH.
    set(easy(), CURLOPT_CAINFO, rules_.settings.ca_file.c_str());
  } else if (curl_version_info(CURLVERSION_NOW)->cainfo != nullptr) {
    // With a bundle and no directory curl reads the bundle once for all connections.
    set(easy(), CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
}

void Transfer::set_limits(Steady::time_point now) {
  const auto left = deadline_ - now;
  const auto connect = std::min<Steady::duration>(left, rules_.settings.connect_timeout);
  set(easy(), CURLOPT_TIMEOUT_MS, whole_milliseconds(left));
  set(easy(), CURLOPT_CONNECTTIMEOUT_MS, whole_milliseconds(connect));
}

void Transfer::set_request() {
  set(easy(), CURLOPT_CURLU, target_->handle());
  // Over TLS the server chooses; without, HTTP/2 would need an upgrade that many servers answer oddly.
  set(easy(), CURLOPT_HTTP_VERSION,
      static_cast<long>(target_->secure() ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  set(easy(), CURLOPT_HTTPHEADER, headers_.list());
  // What an earlier request may have set, before what this one sets.
  set(easy(), CURLOPT_NOBODY, 0L);
  set(easy(), CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
  const auto method = delivery_.method;
  if (method == Method::head) {
    set(easy(), CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends_body = may_have_body(method) && !(method == Method::del && delivery_.body.empty());
  if (sends_body) {
    set(easy(), CURLOPT_POST, 1L);
    set(easy(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(delivery_.body.size()));
    set(easy(), CURLOPT_POSTFIELDS, delivery_.body.c_str());
  } else {
    set(easy(), CURLOPT_HTTPGET, 1L);
  }
  // name_of gives literals, which are terminated.
  if (method != Method::get && method != Method::post) {
    set(easy(), CURLOPT_CUSTOMREQUEST, name_of(method).data());
  }
}

void Transfer::set_lookup(Lookup lookup) {
  if (lookup == Lookup::cached) {
    set(easy(), CURLOPT_RESOLVE, static_cast<curl_slist*>(nullptr));
    set(easy(), CURLOPT_PREREQFUNCTION, static_cast<curl_prereq_callback>(nullptr));
    return;
  }
  // "-host:port" takes an entry out of the cache (CURLOPT_RESOLVE(3)).
  forget_address_ = "-" + target_->host() + ":" + target_->port();
  forget_node_ = {forget_address_.data(), nullptr};
  set(easy(), CURLOPT_RESOLVE, &forget_node_);
  set(easy(), CURLOPT_PREREQFUNCTION, &Transfer::on_before_request);
  set(easy(), CURLOPT_PREREQDATA, this);
}

bool Transfer::wants_redirect(CURLcode code) const {
  if (hops_left_ == 0 || response_.location().empty()) return false;
  if (code != CURLE_OK && !response_.gave_up_reading()) return false;
  const auto status = response_.status();
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<DeliveryOutcome> Transfer::redirect() {
  --hops_left_;
  auto next = target_->redirected(response_.location());
  if (!next) return ended(DeliveryResult::transport_error, "redirected to an invalid URL", Steady::now());
  if (judge(*next, rules_.addresses) == TargetProblem::refused) {
    return ended(DeliveryResult::blocked, next->host(), Steady::now());
  }
  // RFC 9110, 15.4: what browsers do with POST on 301 and 302, and all but HEAD on 303.
  const auto status = response_.status();
  const bool becomes_get =
      status == 303 ? delivery_.method != Method::head : status <= 302 && delivery_.method == Method::post;
  if (becomes_get) {
    delivery_.method = Method::get;
    delivery_.body.clear();
    drop_body_headers(delivery_.headers);
  }
  if (!target_->same_origin(*next)) drop_private_headers(delivery_.headers);
  if (!headers_.assign(delivery_.headers)) throw std::logic_error("headers went bad on a redirect");
  forget_options();  // they point into the target that goes away
  target_ = std::move(next);
  return std::nullopt;
}

DeliveryOutcome Transfer::outcome(CURLcode code, Steady::time_point now) {
  if (code == CURLE_OK || response_.gave_up_reading()) {
    // Credentials of a URL stay with the handle, and curl may have left the middle of something in one that it gave up.
    clean_ = code == CURLE_OK && !target_->has_credentials();
    auto out = ended(DeliveryResult::responded, {}, now);
    response_.move_into(out);
    return out;
  }
  if (!blocked_address_.empty() && !socket_opened_) return ended(DeliveryResult::blocked, blocked_address_, now);
  // curl counts in whole milliseconds; its own timer may be that much before ours.
  if (code == CURLE_OPERATION_TIMEDOUT && now + milliseconds{2} >= deadline_) {
    return ended(DeliveryResult::timed_out, {}, now);
  }
  long os_error = socket_error_;
  if (os_error == 0) curl_easy_getinfo(easy(), CURLINFO_OS_ERRNO, &os_error);
  return ended(DeliveryResult::transport_error, describe_problem(code, static_cast<int>(os_error), error_text_), now);
}

DeliveryOutcome Transfer::ended(DeliveryResult result, std::string error, Steady::time_point now) const {
  DeliveryOutcome out;
  out.result = result;
  out.error = std::move(error);
  out.sent_at = sent_at_;
  if (sent_at_) out.duration = std::chrono::duration_cast<microseconds>(now - sent_steady_);
  return out;
}

DeliveryCompletion Transfer::release() {
  // What curl still points to goes away now. After an ordinary request that is set anew before the next one, which saves
  // setting all the rest.
  if (!clean_) forget_options();
  target_.reset();
  delivery_.url.clear();
  delivery_.headers.clear();
  delivery_.body.clear();
  if (delivery_.body.capacity() > kept_string_bytes) delivery_.body.shrink_to_fit();
  response_.clear();
  return std::exchange(completion_, nullptr);
}

bool Transfer::opened_connection() const {
  long opened = 0;
  curl_easy_getinfo(easy(), CURLINFO_NUM_CONNECTS, &opened);
  return opened > 0;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  static_cast<Transfer*>(self)->response_.take_header_line({data, size * count});
  return size * count;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  const auto bytes = size * count;
  return static_cast<Transfer*>(self)->response_.take_body({data, bytes}) ? bytes : CURL_WRITEFUNC_ERROR;
}

curl_socket_t Transfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.listener_.on_connecting(transfer, true);
  const auto parsed = Address::from(address->addr);
  if (!parsed || !transfer.rules_.addresses.permits(*parsed)) {
    transfer.blocked_address_ = parsed ? parsed->text() : "unknown";
    return CURL_SOCKET_BAD;
  }
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) {
    transfer.socket_error_ = errno;
    return CURL_SOCKET_BAD;
  }
  transfer.socket_opened_ = true;
  return fd;
}

int Transfer::on_before_request(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (!transfer.socket_opened_) transfer.listener_.on_connecting(transfer, false);
  return CURL_PREREQFUNC_OK;
}

}  // namespace punctual
