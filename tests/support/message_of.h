// What an exception says, for tests of error messages.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tessera::testing_support {

// The message of the exception of type E that body() throws; the test fails if it throws none.
template <class E, class F> std::string message_of(F&& body) {
  try {
    std::forward<F>(body)();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "no exception";
  return "";
}

}  // namespace tessera::testing_support
