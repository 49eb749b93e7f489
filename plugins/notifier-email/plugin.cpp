// The library's one exported symbol: the descriptor of the notifier.
#include "notifier-email/email_notifier.hpp"
#include "punctual/version.h"

namespace {

constexpr punctual_setting settings[] = {
    {"email.to", PUNCTUAL_STRING_LIST, "", "Who gets the events."},
    {"email.subject_prefix", PUNCTUAL_STRING, "[Punctual]", "What subjects begin with."},
    {"email.smtp_host", PUNCTUAL_STRING, "", "The mail server."},
    {"email.smtp_port", PUNCTUAL_INTEGER, "587", "Its port."},
    {"email.security", PUNCTUAL_STRING, "starttls", "starttls, tls or none."},
    {"email.smtp_user", PUNCTUAL_STRING, "", "Who signs in to it; empty: nobody."},
    {"email.smtp_password", PUNCTUAL_STRING, "", "The password of that user."},
    {"email.from", PUNCTUAL_STRING, "", "The sender, as ops@example.com or Name <ops@example.com>."},
    {"email.timeout", PUNCTUAL_DURATION, "10s", "How long sending one message may take."},
    {"email.ca_file", PUNCTUAL_STRING, "", "A file of certificate authorities (PEM) to trust besides the system's."},
    {"email.hello_name", PUNCTUAL_STRING, "", "The name to greet with; empty: that of this machine."},
};

// The mail server and its credentials, which a channel could otherwise direct elsewhere.
constexpr const char* of_the_server[] = {
    "email.smtp_host", "email.smtp_port", "email.security", "email.smtp_user",  "email.smtp_password",
    "email.from",      "email.timeout",   "email.ca_file",  "email.hello_name", nullptr};

}  // namespace

PUNCTUAL_NOTIFIER(punctual::email::EmailNotifier, "notifier-email", PUNCTUAL_VERSION, settings, of_the_server)
