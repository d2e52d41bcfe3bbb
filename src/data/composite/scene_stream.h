#pragma once
// Scenes without end, as a Dataset for data/loader.h: sample n is what the generator of its number draws, so a saved
// position is one number and every scene is new.
#include "data/dataset.h"

namespace cambium::data::composite {

// Samples carry only their number (Sample::index); the loader's mapper composes the scene with the generator it is
// given.
class NumberedStream : public Dataset {
 public:
  // `name` tells streams apart in saved positions.
  explicit NumberedStream(std::string name) : name_(std::move(name)) {}

  // Endless unless options.passes is set, which is an error; never shuffled: the numbers are as random in their own
  // order.
  std::unique_ptr<Cursor> cursor(const StreamOptions& options) const override;
  Sample fetch(const Ticket& ticket) const override { return {.index = ticket.offset}; }
  std::string fingerprint() const override { return name_; }

 private:
  std::string name_;
};

}  // namespace cambium::data::composite
