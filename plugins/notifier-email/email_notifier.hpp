// Sends events by e-mail. As a notifier is (punctual/notifier.hpp): one call at a time, each from any thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "notifier-email/email_message.hpp"
#include "notifier-email/smtp_session.hpp"
#include "punctual/notifier.hpp"

namespace punctual::email {

class EmailNotifier {
 public:
  // Throws std::exception, with a text that names the setting.
  explicit EmailNotifier(const NotifierHost& host);

  // Returns when the mail server has taken the message for all recipients, but those that it refuses for good when it takes
  // it for others. Throws GiveUp where the server refuses for good, any other exception where it is worth trying again.
  void notify(const Event& event);

 private:
  void send(const Event& event);

  NotifierHost host_;
  Correspondence correspondence_;
  SmtpServer server_;
  // Of an event that is to be told again: who has it already.
  std::map<std::string, std::set<std::string>> told_;
};

}  // namespace punctual::email
