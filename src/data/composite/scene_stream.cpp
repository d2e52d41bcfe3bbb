#include "data/composite/scene_stream.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::data::composite {
namespace {

class NumberCursor : public Cursor {
 public:
  explicit NumberCursor(const StreamOptions& options) : next_(options.rank), world_(options.world) {}

  std::optional<Ticket> next() override {
    const Ticket ticket{.offset = next_};
    next_ += world_;
    return ticket;
  }
  std::unique_ptr<Cursor> clone() const override { return std::make_unique<NumberCursor>(*this); }
  nlohmann::json state() const override { return {{"number", next_}}; }
  void restore(const nlohmann::json& state) override {
    const auto number = state.find("number");
    if (number == state.end() || !number->is_number_integer() || number->get<int64_t>() < 0) {
      throw Error({.what = "the saved position is not one of numbered scenes", .mend = "start the run anew"});
    }
    next_ = number->get<int64_t>();
  }

 private:
  int64_t next_, world_;
};

}  // namespace

std::unique_ptr<Cursor> NumberedStream::cursor(const StreamOptions& options) const {
  options.validate();
  if (options.passes != 0)
    throw UsageError({.what = "a stream without end has no passes", .field = "passes", .mend = "leave it 0"});
  return std::make_unique<NumberCursor>(options);
}

}  // namespace cambium::data::composite
