#pragma once
#include <filesystem>

namespace cambium::prepare {

// From the packages in `downloads` (see scripts/data): the animated base emoji as clips/HEXCODE.webp (64 px, RGB on
// white, lossless, one frame rate), listed with their words as data/clips reads them: train.jsonl, held_out.jsonl (a
// tenth of the drawings) and still.jsonl (drawings of neither, which barely move: pictures for the image model). `out`
// appears whole.
void prepare_animations(const std::filesystem::path& downloads, const std::filesystem::path& out);

}  // namespace cambium::prepare
