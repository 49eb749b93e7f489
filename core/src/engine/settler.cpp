#include "engine/settler.hpp"

#include "delivery/backoff.hpp"
#include "delivery/messages.hpp"
#include "delivery/response_text.hpp"
#include "delivery/verdict.hpp"
#include "engine/transient.hpp"

namespace punctual {
namespace {

// A lost attempt may never have been sent, so it is followed by one more even where the task allows no retries.
int attempts_after_first(const Ended& ended) {
  return ended.why == Ended::Why::lost ? std::max(1, ended.claimed->retry_attempts) : ended.claimed->retry_attempts;
}

// What goes into one transaction: so many results, and responses of so many bytes.
std::vector<Ended>::iterator end_of_transaction(std::vector<Ended>::iterator begin, std::vector<Ended>::iterator end) {
  constexpr std::ptrdiff_t most_results = 512;
  constexpr std::size_t most_bytes = std::size_t{16} << 20;
  std::size_t bytes = 0;
  auto at = begin;
  while (at != end && at - begin < most_results && bytes < most_bytes) bytes += (at++)->outcome.body.size();
  return at;
}

}  // namespace

Settler::Settler(WorkStore& store, Clock& clock, Host& host, IdGenerator& ids, EngineMetrics& metrics,
                 const EngineSettings& settings, OnVerdict on_verdict, OnSettled on_settled)
    : store_(store),
      clock_(clock),
      host_(host),
      ids_(ids),
      metrics_(metrics),
      settings_(settings),
      on_verdict_(std::move(on_verdict)),
      on_settled_(std::move(on_settled)) {}

Settler::~Settler() { stop(milliseconds{0}); }

void Settler::start() {
  thread_ = std::thread([this] { run(); });
}

void Settler::finish(Ended ended) {
  auto state = state_.lock();
  state->waiting.push_back(std::move(ended));
  metrics_.settle_queue.set(static_cast<double>(state->waiting.size()));
  changed_.notify_one();
}

void Settler::stop(milliseconds limit) noexcept {
  {
    auto state = state_.lock();
    state->stopping = true;
    state->give_up = std::chrono::steady_clock::now() + limit;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Settler::run() {
  for (;;) {
    std::vector<Ended> batch;
    {
      auto state = state_.lock();
      changed_.wait(state.lock(), [&] { return state->stopping || !state->waiting.empty(); });
      if (state->waiting.empty()) return;
      batch.swap(state->waiting);
      metrics_.settle_queue.set(0);
    }
    for (auto begin = batch.begin(); begin != batch.end();) {
      const auto end = end_of_transaction(begin, batch.end());
      store({std::make_move_iterator(begin), std::make_move_iterator(end)});
      begin = end;
    }
  }
}

void Settler::store(const std::vector<Ended>& batch) {
  std::vector<Settlement> settlements;
  std::vector<ClaimRef> released;
  Settled settled;
  for (const auto& ended : batch) {
    const Claimed& claimed = *ended.claimed;
    settled.claims.push_back({claimed.id, claimed.token});
    // Cancelled, and not by a client: by this server's own shutdown. Somebody else shall do it, under the same attempt.
    if (ended.why == Ended::Why::delivered && ended.outcome.result == DeliveryResult::cancelled) {
      on_verdict_(claimed, {}, clock_.now());
      released.push_back({claimed.id, claimed.token});
      continue;
    }
    settlements.push_back(settlement(ended));
    const auto& last = settlements.back();
    if (!last.messages.empty()) settled.told = true;
    if (last.status != ExecutionStatus::success && !last.retry) settled.failed = true;
    if (last.retry) settled.next_due = std::min(settled.next_due.value_or(Time::max()), last.retry->scheduled_for);
    if (claimed.queue || claimed.capped)
      settled.next_due = std::min(settled.next_due.value_or(Time::max()), last.finished_at);
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<SettleOutcome> outcomes;
  const bool stored = insist("storing results",
                             [&] {
                               if (!settlements.empty()) outcomes = store_.settle(settlements);
                             }) &&
                      insist("returning claims", [&] {
                        if (!released.empty()) store_.release(released);
                      });
  metrics_.settle_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (!stored) {
    host_.log(LogLevel::error, "results of " + std::to_string(batch.size()) +
                                   " executions could not be stored before shutdown; they will be sent again");
  }
  metrics_.settle_batch.observe(static_cast<double>(settlements.size()));
  metrics_.released.add(static_cast<double>(released.size()));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] == SettleOutcome::stale) {
      metrics_.stale_settlements.add();
      continue;
    }
    const bool cancelled = outcomes[i] == SettleOutcome::cancelled;
    metrics_.ended(cancelled ? ExecutionStatus::cancelled : settlements[i].status).add();
    if (outcomes[i] == SettleOutcome::settled && settlements[i].retry) metrics_.retries.add();
  }
  on_settled_(settled);
}

Settlement Settler::settlement(const Ended& ended) {
  const Claimed& claimed = *ended.claimed;
  const DeliveryOutcome& outcome = ended.outcome;
  Settlement out;
  out.id = claimed.id;
  out.token = claimed.token;
  out.task_id = claimed.task_id;
  out.request_method = claimed.method;
  out.request_url = claimed.url;
  out.started_at = outcome.sent_at;
  out.finished_at = clock_.now();

  Verdict verdict;
  switch (ended.why) {
    case Ended::Why::delivered:
      verdict = judge(claimed, outcome, settings_.retry_client_errors, out.finished_at);
      break;
    case Ended::Why::missed:
      verdict.status = ExecutionStatus::missed;
      verdict.error_message = "Not sent within " + std::to_string(claimed.expires_in->count()) + " s of its due time";
      break;
    case Ended::Why::lost:
      verdict.status = ExecutionStatus::failed;
      verdict.error_message = "The server stopped " + std::to_string(claimed.rescues) + " times during this attempt";
      verdict.retryable = true;
      break;
    case Ended::Why::cancelled:
      verdict.status = ExecutionStatus::cancelled;
      break;
  }
  on_verdict_(claimed, verdict, out.finished_at);
  out.status = verdict.status;
  out.error_message = verdict.error_message;
  if (outcome.sent_at) {
    out.duration = std::chrono::duration_cast<milliseconds>(outcome.duration);
    metrics_.delivery_seconds.observe(std::chrono::duration<double>(outcome.duration).count());
  }
  if (ended.why == Ended::Why::delivered && outcome.result == DeliveryResult::responded) {
    out.status_code = outcome.status_code;
    out.response_body = response_text(outcome.body, outcome.body_truncated);
    for (const auto& [name, value] : outcome.headers) {
      out.response_headers.emplace_back(header_text(name), header_text(value));
    }
  }
  if (verdict.disables_task) {
    out.disable = AuditEntry{claimed.organization_id, out.finished_at,        "system",
                             "task.disabled",         claimed.task_id.text(), "The target answered 410 Gone"};
  } else if (verdict.retryable && claimed.attempt <= attempts_after_first(ended)) {
    const double chance = std::uniform_real_distribution<double>{0, 1}(random_);
    const RetryPolicy policy{settings_.retry_base, settings_.retry_cap, settings_.retry_jitter_percent};
    out.retry = Retry{ids_.next<ExecutionId>(out.finished_at),
                      retry_time(claimed, policy, verdict.retry_after, out.finished_at, chance)};
  }
  out.messages = messages_about(claimed, out);
  return out;
}

template <class Call>
bool Settler::insist(const char* what, Call call) {
  for (int attempt = 1;; ++attempt) {
    try {
      call();
      return true;
    } catch (const std::exception& error) {
      metrics_.storage_errors.add();
      const auto wait = transient_wait(attempt);
      host_.log(LogLevel::warn, std::string(what) + " failed, trying again in " + std::to_string(wait.count()) +
                                    " ms: " + error.what());
      if (!wait_after_failure(wait)) return false;
    }
  }
}

// False: there is no time left to try again.
bool Settler::wait_after_failure(milliseconds wait) {
  auto state = state_.lock();
  const auto until = std::chrono::steady_clock::now() + wait;
  while (std::chrono::steady_clock::now() < until) {
    if (state->stopping && std::chrono::steady_clock::now() >= state->give_up) return false;
    changed_.wait_until(state.lock(), std::min(until, state->give_up));
  }
  return true;
}

}  // namespace punctual
