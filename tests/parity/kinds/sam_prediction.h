#pragma once
// What golden files keep of a prediction on a picture.
#include <string>

#include "models/sam/predictor.h"
#include "parity/registry.h"

namespace cambium::parity {

struct PredictionSlices {
  int64_t low_res = 1, logits = 1;  // every so many-th row and column
  double near_zero = 1e-4;          // logits nearer to 0 than this are counted
};

// NAME.{iou, low_res, low_res.summary, logits, logits.summary, area, near_zero} of the first prompt's masks.
void add_prediction(const std::string& name, const sam::Prediction& prediction, const PredictionSlices& slices,
                    Results& results);

}  // namespace cambium::parity
