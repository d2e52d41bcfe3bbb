#include "data/shard_cursor.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"

namespace cambium::data {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error({.what = what, .field = "data position", .mend = "resume with the shards the run began with"});
}

}  // namespace

ShardCursor::ShardCursor(std::shared_ptr<const ImageTextShards::Set> set, const StreamOptions& options)
    : set_(std::move(set)), options_(options) {
  begin_pass(0);
}

void ShardCursor::begin_pass(int64_t pass) {
  const auto draw = static_cast<uint64_t>(options_.replay_order ? 0 : pass);
  std::vector<int64_t> order;
  for (int64_t shard = options_.rank; shard < static_cast<int64_t>(set_->paths.size()); shard += options_.world)
    order.push_back(shard);
  if (options_.shuffle) Rng(mix_seed(options_.seed, "shard order", draw)).shuffle(order);
  order_ = std::make_shared<const std::vector<int64_t>>(std::move(order));
  rng_ = Rng(mix_seed(options_.seed, "shuffle buffer", draw));
  buffer_.clear();
  pass_ = pass;
  given_ = place_ = offset_ = 0;
}

std::optional<Ticket> ShardCursor::scan() {
  for (; place_ < static_cast<int64_t>(order_->size()); ++place_, offset_ = 0) {
    const int64_t shard = (*order_)[static_cast<size_t>(place_)];
    try {
      const std::optional<io::TarSample> sample = io::sample_at(*set_->open(shard), offset_);
      if (!sample) continue;
      offset_ = sample->next;
      return Ticket{.pass = pass_, .shard = shard, .offset = sample->offset};
    } catch (const Error& error) {
      if (!set_->options.skip_damaged) {
        ErrorInfo info = error.info();
        info.mend += ", or set skip_damaged to go on without it";
        throw Error(std::move(info));
      }
      log::warn_once(std::string("the rest of a damaged shard is skipped: ") + error.what());
    }
  }
  return std::nullopt;
}

std::optional<Ticket> ShardCursor::next() {
  const size_t capacity = options_.shuffle ? static_cast<size_t>(options_.shuffle_buffer) : 1;
  for (;;) {
    while (buffer_.size() < capacity) {
      const std::optional<Ticket> ticket = scan();
      if (!ticket) break;
      buffer_.push_back(*ticket);
    }
    if (!buffer_.empty()) break;
    if (given_ == 0) {
      throw Error({.what = "not one sample was found in this rank's " + std::to_string(order_->size()) + " shards",
                   .field = "shards",
                   .mend = "a shard holds members STEM.jpg with STEM.json or STEM.txt"});
    }
    if (options_.passes > 0 && pass_ + 1 >= options_.passes) return std::nullopt;
    begin_pass(pass_ + 1);
  }
  std::swap(buffer_[static_cast<size_t>(rng_.below(static_cast<int64_t>(buffer_.size())))], buffer_.back());
  const Ticket ticket = buffer_.back();
  buffer_.pop_back();
  ++given_;
  return ticket;
}

nlohmann::json ShardCursor::state() const {
  // One string, "shard:byte shard:byte ...", since thousands of nested arrays are no good reading.
  std::string buffer;
  for (const Ticket& ticket : buffer_) {
    buffer += (buffer.empty() ? "" : " ") + std::to_string(ticket.shard) + ":" + std::to_string(ticket.offset);
  }
  return {{"kind", "shards"},  {"pass", pass_},       {"given", given_}, {"place", place_},
          {"offset", offset_}, {"rng", rng_.state()}, {"buffer", buffer}};
}

void ShardCursor::restore(const nlohmann::json& state) {
  if (state.at("kind") != "shards") refuse("is not a position in shards");
  const auto shards = static_cast<int64_t>(set_->paths.size());
  begin_pass(state.at("pass"));
  given_ = state.at("given");
  place_ = state.at("place");
  offset_ = state.at("offset");
  rng_.set_state(state.at("rng"));
  std::istringstream buffer(state.at("buffer").get<std::string>());
  for (std::string word; buffer >> word;) {
    Ticket ticket{.pass = pass_};
    const char* const end = word.data() + word.size();
    const auto [colon, bad_shard] = std::from_chars(word.data(), end, ticket.shard);
    if (bad_shard != std::errc() || colon == end || *colon != ':') refuse("is damaged");
    const auto [stop, bad_offset] = std::from_chars(colon + 1, end, ticket.offset);
    if (bad_offset != std::errc() || stop != end || ticket.shard < 0 || ticket.shard >= shards || ticket.offset < 0) {
      refuse("names a sample outside the shards");
    }
    buffer_.push_back(ticket);
  }
  if (pass_ < 0 || given_ < 0 || place_ < 0 || offset_ < 0 ||
      static_cast<int64_t>(buffer_.size()) > options_.shuffle_buffer) {
    refuse("is damaged");
  }
}

}  // namespace cambium::data
