#include "delivery/base64.hpp"

#include "support/precompiled.hpp"

namespace punctual {
namespace {

// RFC 4648, section 10, and bytes that use the last two digits of the alphabet.
const std::vector<std::pair<std::string, std::string>> known{
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+"},
};

}  // namespace

TEST_CASE("base64 is written with padding") {
  for (const auto& [bytes, text] : known) CHECK(encode_base64(bytes) == text);
}

TEST_CASE("base64 is read with padding or without") {
  for (const auto& [bytes, text] : known) {
    CHECK(decode_base64(text) == bytes);
    CHECK(decode_base64(text.substr(0, text.find('='))) == bytes);
  }
}

TEST_CASE("what is no base64 is not read") {
  for (const char* text : {"Z", "Zm9vY", "Zg=", "Zg===", "Zm9v=", "=", "Zg=a", "Zm9 v", "Zm9v\n", "-_-_",
                           "Zm9v====", "Z===", "Zm8=Zm8="}) {
    INFO(text);
    CHECK_FALSE(decode_base64(text));
  }
}

}  // namespace punctual
