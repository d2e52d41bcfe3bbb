#pragma once
// What a call complains of.
#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace cambium::test {

// The sentence of the Error that `call` throws, or "" where it throws none.
template <class Call>
std::string sentence(Call&& call) {
  try {
    call();
    return "";
  } catch (const Error& error) {
    EXPECT_FALSE(error.info().mend.empty()) << error.what();
    return error.what();
  }
}

inline testing::AssertionResult says(const std::string& sentence, const std::string& part) {
  if (sentence.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << sentence << "\" lacks \"" << part << "\"";
}

}  // namespace cambium::test
