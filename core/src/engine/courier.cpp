#include "engine/courier.hpp"

#include <array>
#include <iterator>

#include "delivery/messages.hpp"
#include "delivery/signer.hpp"
#include "delivery/verdict.hpp"
#include "engine/transient.hpp"

namespace punctual {
namespace {

constexpr std::array<seconds, 3> waits{seconds{5}, seconds{20}, seconds{60}};
constexpr seconds look_interval{10};
constexpr std::size_t most_counted = 10'000;

MessageClaim claim_of(const ClaimedMessage& message) { return {message.id, message.token}; }

bool is_delivered(const DeliveryOutcome& outcome) {
  return outcome.result == DeliveryResult::responded && outcome.status_code >= 200 && outcome.status_code <= 299;
}

// nullopt: the message is delivered, or there is no use in sending it again.
std::optional<Time> time_of_retry(const ClaimedMessage& message, const DeliveryOutcome& outcome, Time ended_at) {
  if (is_delivered(outcome) || outcome.result == DeliveryResult::blocked) return std::nullopt;
  const auto sent_before = static_cast<std::size_t>(message.attempts);
  if (sent_before >= waits.size()) return std::nullopt;
  return ended_at + waits[sent_before];
}

}  // namespace

CourierMetrics::CourierMetrics(Metrics& m)
    : delivered(m.counter("punctual_callbacks_total", "Attempts to send a callback or news of a task, by result",
                          {{"result", "delivered"}})),
      retried(m.counter("punctual_callbacks_total", "Attempts to send a callback or news of a task, by result",
                        {{"result", "retried"}})),
      given_up(m.counter("punctual_callbacks_total", "Attempts to send a callback or news of a task, by result",
                         {{"result", "given_up"}})),
      in_flight(m.gauge("punctual_callbacks_in_flight", "Callbacks and news that this server is sending")),
      stored(m.gauge("punctual_callbacks_stored",
                     "Callbacks and news in the outbox of all servers, at most 10000 of which are counted")),
      lag_seconds(m.gauge("punctual_callback_lag_seconds",
                          "For how long the earliest callback that nobody sends has been due")) {}

Courier::Courier(Outbox& outbox, const Lease& lease, const Sender& sender, Clock& clock, Host& host, IdGenerator& ids,
                 EngineMetrics& metrics, const EngineSettings& settings)
    : outbox_(outbox),
      lease_(lease),
      sender_(sender),
      clock_(clock),
      host_(host),
      ids_(ids),
      storage_errors_(metrics.storage_errors),
      metrics_(host.metrics()),
      poll_(settings.poll_interval),
      timeout_(settings.callback_timeout),
      compat_headers_(settings.compat_headers),
      in_flight_(settings.max_callbacks_in_flight),
      loop_(clock, [this] { return step(); }) {}

void Courier::wake(Time due) {
  {
    auto state = state_.lock();
    state->claim_at = std::min(state->claim_at, due);
  }
  loop_.wake(due);
}

void Courier::stop(milliseconds limit) noexcept {
  loop_.stop();
  const auto failed = [&](const char* what) {
    host_.log(LogLevel::warn, std::string("storing the results of callbacks failed: ") + what);
  };
  if (insist_for(
          limit, [&] { store_results(); }, failed))
    return;
  host_.log(LogLevel::error, "results of callbacks could not be stored before shutdown; these will be sent again");
}

Time Courier::step() {
  const Time now = clock_.now();
  try {
    store_results();
    at_once_ = false;
    if (claims_) {
      if (has_come(next_look_, now, look_interval)) look_around(now);
      if (more_ || has_come(state_.lock()->claim_at, now, poll_)) claim(now);
    }
    failures_ = 0;
  } catch (const std::exception& error) {
    // A claim may have been stored of which nobody here knows.
    next_look_ = now;
    storage_errors_.add();
    const auto wait = transient_wait(++failures_);
    host_.log(LogLevel::warn, std::string("work on the outbox failed, trying again in ") +
                                  std::to_string(wait.count()) + " ms: " + error.what());
    return clock_.now() + wait;
  }
  show(now);
  if (!claims_) return now + poll_;
  return at_once_ ? now : std::min({state_.lock()->claim_at, next_look_, now + poll_});
}

void Courier::claim(Time now) {
  auto allowance = in_flight_.allowance();
  more_ = true;
  // A wake from here on stays. Without room, storing a result leads here again.
  state_.lock()->claim_at = now + poll_;
  if (allowance.limit == 0) return;
  auto claims = outbox_.claim(
      {lease_.node(), ids_.next_token(), now, allowance.limit, allowance.bytes, std::move(allowance.passed_over)});
  for (const ClaimedMessage& message : claims.claimed) in_flight_.add(message);
  next_due_ = claims.next_due;
  more_ = next_due_ && *next_due_ <= now;
  at_once_ = more_ && !claims.claimed.empty();
  if (next_due_ && !more_) {
    auto state = state_.lock();
    state->claim_at = std::min(state->claim_at, *next_due_);
  }
  for (ClaimedMessage& message : claims.claimed) send(std::move(message), now);
}

void Courier::send(ClaimedMessage message, Time now) {
  Delivery delivery;
  delivery.id.value = message.id.value;
  delivery.url = message.url;
  delivery.timeout = timeout_;
  DeliveryOutcome failure;
  try {
    delivery.body = message_body(message.event, message.final, message.ended_as, message.content);
    delivery.headers = message_headers(message, delivery.body, now, compat_headers_);
  } catch (const std::exception& error) {
    failure.error = std::string("the request could not be signed: ") + error.what();
  }
  Transport* transport = sender_.transport_for(message.url);
  if (transport == nullptr) failure.error = "no transport is loaded for this URL";
  std::string().swap(message.content);
  auto shared = std::make_shared<const ClaimedMessage>(std::move(message));
  if (!failure.error.empty()) {
    finish({std::move(shared), std::move(failure), now});
    return;
  }
  transport->start(std::move(delivery), [this, shared](DeliveryOutcome&& outcome) {
    outcome.body.clear();
    finish({shared, std::move(outcome), clock_.now()});
  });
}

void Courier::finish(Ended ended) {
  const Time at = ended.at;
  state_.lock()->ended.push_back(std::move(ended));
  loop_.wake(at);
}

void Courier::store_results() {
  std::vector<Ended> ended;
  state_.lock()->ended.swap(ended);
  if (ended.empty()) return;
  std::vector<MessageResult> results;
  std::vector<MessageClaim> released;
  for (const Ended& one : ended) {
    // A delivery is cancelled only by this server's own shutdown.
    if (one.outcome.result == DeliveryResult::cancelled) {
      released.push_back(claim_of(*one.message));
    } else {
      results.push_back({claim_of(*one.message), time_of_retry(*one.message, one.outcome, one.at)});
    }
  }
  try {
    if (!results.empty()) outbox_.settle(results);
    if (!released.empty()) outbox_.release(released);
  } catch (...) {
    auto state = state_.lock();
    state->ended.insert(state->ended.begin(), std::make_move_iterator(ended.begin()),
                        std::make_move_iterator(ended.end()));
    throw;
  }
  auto result = results.begin();
  for (const Ended& one : ended) {
    in_flight_.remove(claim_of(*one.message));
    if (one.outcome.result != DeliveryResult::cancelled) count(one, (result++)->retry_at);
  }
}

void Courier::count(const Ended& ended, const std::optional<Time>& retry_at) {
  if (is_delivered(ended.outcome)) {
    metrics_.delivered.add();
  } else if (retry_at) {
    metrics_.retried.add();
    // The wait for it began when the attempt ended.
    auto state = state_.lock();
    state->claim_at = std::min(state->claim_at, *retry_at);
  } else {
    metrics_.given_up.add();
    const ClaimedMessage& message = *ended.message;
    const auto problem = judge(Claimed{}, ended.outcome, true, ended.at).error_message;
    host_.log(LogLevel::warn, std::string(name_of(message.event)) + " of execution " + message.execution_id.text() +
                                  " could not be delivered and is given up after " +
                                  std::to_string(message.attempts + 1) + " attempts: " + problem.value_or(""));
  }
}

// What storage has under our lease and nobody here knows, after a claim whose answer was lost.
void Courier::look_around(Time now) {
  auto unknown = outbox_.held(lease_.node());
  std::erase_if(unknown, [&](const MessageClaim& claim) { return in_flight_.knows(claim); });
  if (!unknown.empty()) {
    outbox_.release(unknown);
    more_ = true;
    host_.log(LogLevel::warn, "returned " + std::to_string(unknown.size()) + " callbacks of unclear commits");
  }
  metrics_.stored.set(static_cast<double>(outbox_.size(most_counted)));
  next_look_ = now + look_interval;
}

void Courier::show(Time now) {
  const bool late = next_due_ && *next_due_ < now;
  metrics_.in_flight.set(static_cast<double>(in_flight_.size()));
  metrics_.lag_seconds.set(late ? std::chrono::duration<double>(now - *next_due_).count() : 0);
}

}  // namespace punctual
