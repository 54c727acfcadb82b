#include "tools/epoch_record.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::tools {
namespace {

double number(const nlohmann::json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

}  // namespace

bool EpochRecord::is_validated() const { return !std::isnan(val_loss) || !std::isnan(mean_iou); }

int64_t Progress::validations_since_best() const {
  return std::count_if(history.begin() + best_epoch, history.end(), [](const EpochRecord& r) { return r.is_validated(); });
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunningMean, sum, weight)

void to_json(nlohmann::json& json, const EpochRecord& r) {
  json = {{"epoch", r.epoch},           {"step", r.step},          {"lr", r.lr},
          {"train_loss", r.train_loss}, {"val_loss", r.val_loss},  {"pixel_accuracy", r.pixel_accuracy},
          {"mean_iou", r.mean_iou},     {"class_iou", r.class_iou}};
}

void from_json(const nlohmann::json& json, EpochRecord& r) {
  r.epoch = json.at("epoch");
  r.step = json.at("step");
  r.lr = number(json.at("lr"));
  r.train_loss = number(json.at("train_loss"));
  r.val_loss = number(json.at("val_loss"));
  r.pixel_accuracy = number(json.at("pixel_accuracy"));
  r.mean_iou = number(json.at("mean_iou"));
  r.class_iou.clear();
  for (const nlohmann::json& iou : json.at("class_iou")) r.class_iou.push_back(number(iou));
}

void to_json(nlohmann::json& json, const Progress& p) {
  json = {{"epoch", p.epoch},           {"batch", p.batch},           {"step", p.step},
          {"train_loss", p.train_loss}, {"best_epoch", p.best_epoch}, {"history", p.history}};
}

void from_json(const nlohmann::json& json, Progress& p) {
  json.at("epoch").get_to(p.epoch);
  json.at("batch").get_to(p.batch);
  json.at("step").get_to(p.step);
  json.at("train_loss").get_to(p.train_loss);
  json.at("best_epoch").get_to(p.best_epoch);
  json.at("history").get_to(p.history);
}

}  // namespace tessera::tools
