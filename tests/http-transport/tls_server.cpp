#include "tls_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace punctual::testing {
namespace {

template <class T, void (*free)(T*)>
struct Free {
  void operator()(T* thing) const { free(thing); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX, SSL_CTX_free>>;
using Stream = std::unique_ptr<SSL, Free<SSL, SSL_free>>;

Certificate make_certificate(EVP_PKEY* key, const std::string& name) {
  Certificate out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), 3600);
  X509_set_pubkey(out.get(), key);
  auto* subject = X509_get_subject_name(out.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(out.get(), subject);
  const std::string names = "DNS:" + name;
  auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(out.get(), extension, -1);
  X509_EXTENSION_free(extension);
  if (X509_sign(out.get(), key, EVP_sha256()) == 0) throw std::runtime_error("cannot sign");
  return out;
}

}  // namespace

class TlsServer::Server {
 public:
  explicit Server(const std::string& name) : context_(SSL_CTX_new(TLS_server_method())) {
    ::signal(SIGPIPE, SIG_IGN);
    const Key key(EVP_EC_gen("P-256"));
    const auto certificate = make_certificate(key.get(), name);
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
    write_certificate(certificate.get());

    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0) {
      throw std::runtime_error("cannot listen");
    }
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }

  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    ::unlink(file.c_str());
  }

  std::uint16_t port = 0;
  std::string file;

 private:
  void write_certificate(X509* certificate) {
    char path[] = "/tmp/punctual-test-ca-XXXXXX";
    std::FILE* out = ::fdopen(::mkstemp(path), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
    file = path;
  }

  void run() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const Stream stream(SSL_new(context_.get()));
      SSL_set_fd(stream.get(), fd);
      if (SSL_accept(stream.get()) == 1) answer(stream.get());
      ::close(fd);
    }
  }

  static void answer(SSL* stream) {
    char request[4096];
    if (SSL_read(stream, request, sizeof request) <= 0) return;
    static constexpr char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecure";
    SSL_write(stream, reply, sizeof reply - 1);
    SSL_shutdown(stream);
  }

  Context context_;
  int listener_ = -1;
  std::thread thread_;
};

TlsServer::TlsServer(const std::string& name) : server_(std::make_unique<Server>(name)) {}
TlsServer::~TlsServer() = default;
std::uint16_t TlsServer::port() const { return server_->port; }
const std::string& TlsServer::certificate_file() const { return server_->file; }

}  // namespace punctual::testing
