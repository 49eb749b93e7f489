#include <catch2/catch.hpp>

#include "frontend/json_source.hpp"

using namespace punctual;

namespace {

std::string compact(std::string_view source) {
  std::string out = "> ";
  append_compact(out, source);
  return out.substr(2);
}

}  // namespace

TEST_CASE("the text of a member is that of its value alone") {
  constexpr std::string_view object =
      " {\"a\" : 1e400 ,\n\"b\":\"x\\\\\\\"}\", \"c\":[1, {\"a\":[\"]\"]}] ,\"d\":{ },\"e\":null}";
  CHECK(member_source(object, "a") == "1e400");
  CHECK(member_source(object, "b") == R"("x\\\"}")");
  CHECK(member_source(object, "c") == R"([1, {"a":["]"]}])");
  CHECK(member_source(object, "d") == "{ }");
  CHECK(member_source(object, "e") == "null");
}

TEST_CASE("a member that is not there has no text") {
  CHECK(member_source(R"({"a":{"b":1}})", "b").empty());
  CHECK(member_source("{ }", "b").empty());
  CHECK(member_source("{}", "").empty());
  CHECK(member_source("", "b").empty());
}

TEST_CASE("of members with the same key the last counts, however the key is written") {
  CHECK(member_source(R"({"body":1,"b\u006fdy":2})", "body") == "2");
  CHECK(member_source(R"({"b\u006fdy":1,"body":2,"bodY":3})", "body") == "2");
  CHECK(member_source(R"({"\u0062\u006f\u0064\u0079":1})", "body") == "1");
  CHECK(member_source(R"({"\"":1,"\\":2})", "\"") == "1");
  CHECK(member_source(R"({"\ud83d\ude00":1})", "\xf0\x9f\x98\x80") == "1");
  CHECK(member_source(R"({"":1})", "") == "1");
}

TEST_CASE("members come in their order, each with its key") {
  JsonMembers members("{ \"a\" : 1.0 , \"\\u0062\\n\":[ ],\"a\":\"\"\n}");
  std::string seen;
  while (const auto member = members.next()) {
    seen += decoded_key(member->key) + "=" + std::string(member->value) + ";";
  }
  CHECK(seen == "a=1.0;b\n=[ ];a=\"\";");
}

TEST_CASE("elements are found in ascending order, and some may be left out") {
  constexpr std::string_view object = R"({"x":[9],"list": [ 0 , "],", [2, 2],{"list":[3]} ,4.0]})";
  ElementSources all(object, "list");
  CHECK(all.at(0) == "0");
  CHECK(all.at(1) == R"("],")");
  CHECK(all.at(2) == "[2, 2]");
  CHECK(all.at(3) == R"({"list":[3]})");
  CHECK(all.at(4) == "4.0");
  ElementSources some(object, "list");
  CHECK(some.at(2) == "[2, 2]");
  CHECK(some.at(4) == "4.0");
}

TEST_CASE("compact JSON has lost its white space and nothing else") {
  CHECK(compact(" [ 1.50 ,\t-0,\r\n1E+2 ] ") == "[1.50,-0,1E+2]");
  CHECK(compact(R"({ "a b" : " \" \\", "\u00e9" : { } })") == R"({"a b":" \" \\","\u00e9":{}})");
  CHECK(compact("\"\\\\\" ") == R"("\\")");
  CHECK(compact("null") == "null");
}
