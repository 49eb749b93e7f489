#include "transport/curl_problem.hpp"

#include <cerrno>

namespace punctual {
namespace {

std::string describe_connect(int os_error) {
  switch (os_error) {
    case ECONNREFUSED:
      return "connection refused";
    case ECONNRESET:
      return "connection reset";
    case EHOSTUNREACH:
      return "no route to host";
    case ENETUNREACH:
      return "network unreachable";
    case ETIMEDOUT:
      return "connection timed out";
    case EADDRNOTAVAIL:
      return "no local port is free";
    case EMFILE:
    case ENFILE:
      return "too many open files";
    default:
      return "could not connect";
  }
}

std::string with_detail(std::string text, const char* detail) {
  if (detail == nullptr || *detail == '\0') return text;
  text += ": ";
  for (const char* c = detail; *c != '\0'; ++c) text += static_cast<unsigned char>(*c) < 0x20 ? ' ' : *c;
  return text;
}

}  // namespace

std::string describe_problem(CURLcode code, int os_error, const char* detail) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return describe_connect(os_error);
    case CURLE_COULDNT_RESOLVE_HOST:
      return "could not resolve host";
    case CURLE_OPERATION_TIMEDOUT:
      return "connection timed out";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return with_detail("TLS handshake failed", detail);
    case CURLE_SSL_CACERT_BADFILE:
      return "the file of certificate authorities cannot be read";
    case CURLE_GOT_NOTHING:
      return "connection closed without a response";
    case CURLE_PARTIAL_FILE:
      return "connection closed before the whole response came";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return "connection reset";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
      return "malformed response";
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return "HTTP/2 error";
    case CURLE_OUT_OF_MEMORY:
      return "out of memory";
    default:
      return curl_easy_strerror(code);
  }
}

}  // namespace punctual
