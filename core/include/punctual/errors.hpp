// Errors that cross the interfaces: exceptions, split by who can do something about them.
// The caller's mistake: NotFound, Conflict, Invalid, KeyReused, LimitExceeded. The environment failed: Unavailable, Timeout, Corrupt.
// Everything else that is thrown is a bug.
#pragma once

#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace punctual {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The thing does not exist, or belongs to somebody else (which must look the same).
class NotFound : public Error {
 public:
  NotFound() : Error("Resource not found") {}
  using Error::Error;
};

// The thing is in a state in which this cannot be done; the text says which.
class Conflict : public Error {
 public:
  using Error::Error;
};

// Values that cannot be accepted: for each field, what is wrong with it.
class Invalid : public Error {
 public:
  using Fields = std::map<std::string, std::vector<std::string>>;
  Invalid(const std::string& field, const std::string& problem)
      : Error(field + " " + problem), fields_{{field, {problem}}} {}
  explicit Invalid(Fields fields) : Error("Validation failed"), fields_(std::move(fields)) {}
  [[nodiscard]] const Fields& fields() const noexcept { return fields_; }

 private:
  Fields fields_;
};

// An idempotency key that was used before for another request.
class KeyReused : public Error {
 public:
  KeyReused() : Error("Idempotency key was used for another request") {}
};

// A limit of the organisation: what was asked for would go beyond it; the text says which.
class LimitExceeded : public Error {
 public:
  using Error::Error;
};

// A database, pool or server that cannot take work now and may later: the same call may be made again.
class Unavailable : public Error {
 public:
  explicit Unavailable(const std::string& what, std::chrono::seconds retry_after = std::chrono::seconds{1})
      : Error(what), retry_after_(retry_after) {}
  [[nodiscard]] std::chrono::seconds retry_after() const noexcept { return retry_after_; }

 private:
  std::chrono::seconds retry_after_;
};

// It may or may not have happened: the answer did not come in time.
class Timeout : public Error {
 public:
  using Error::Error;
};

// Stored data that does not make sense; trying again does not help.
class Corrupt : public Error {
 public:
  using Error::Error;
};

}  // namespace punctual
