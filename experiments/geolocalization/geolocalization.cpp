// Where was a picture taken? The place of its nearest neighbour in feature space (paper appendix E.4, Table 17).
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "lab/experiment.hpp"
#include "lab/measured.hpp"

namespace cliplab {
namespace {

constexpr double kEarthRadiusKm = 6371.0088;  // the mean radius, IUGG
constexpr int kRadiiKm[] = {1, 25, 200, 750, 2500};

struct Place {
  double latitude = 0, longitude = 0;  // degrees
};

/// "47.37 8.54": the caption of a picture whose place is known.
Place parse_place(const std::string& text, const std::string& where) {
  Place place;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, place.latitude);
  if (first.ec == std::errc{} && first.ptr < end && *first.ptr == ' ') {
    const auto second = std::from_chars(first.ptr + 1, end, place.longitude);
    if (second.ec == std::errc{} && second.ptr == end && std::abs(place.latitude) <= 90 &&
        std::abs(place.longitude) <= 180)
      return place;
  }
  fail(where, "caption '" + text + "'", "latitude and longitude in degrees, as in '47.37 8.54'");
}

/// Along the great circle, by the haversine formula, which keeps its digits at short distances.
double kilometres(const Place& a, const Place& b) {
  constexpr double kDegree = std::numbers::pi / 180;
  const double across = std::sin((a.latitude - b.latitude) * kDegree / 2),
               along = std::sin((a.longitude - b.longitude) * kDegree / 2);
  const double h = across * across + std::cos(a.latitude * kDegree) * std::cos(b.latitude * kDegree) * along * along;
  return 2 * kEarthRadiusKm * std::asin(std::sqrt(std::min(1.0, h)));
}

struct Placed {
  std::vector<Place> places;     // [N]
  std::vector<Matrix> features;  // [N, D] a model, unit rows
};

class Geolocalization : public Experiment {
 public:
  void declare(Options& options) const override {
    options.add_sets("geolocalization.sets", {"im2gps"}, Role::kPairs,
                     "folders in the data root whose captions are 'latitude longitude'",
                     {.split_keys = {"geolocalization.split", "geolocalization.reference"}});
    options.add_text("geolocalization.split", "test", "which part is asked for");
    options.add_text("geolocalization.reference", "train", "which part answers: pictures of known places");
  }

  void run(Lab& lab) const override {
    const Options& options = lab.options();
    lab.for_each(lab.sets("geolocalization.sets"), [&](const std::string& name) {
      const Placed known = read(lab, name, options.text("geolocalization.reference"));
      const Placed asked = read(lab, name, options.text("geolocalization.split"));
      chance(lab, name, known.places, asked.places);
      for (std::size_t m = 0; m < lab.models().size(); ++m) measure(lab, *lab.models()[m], name, known, asked, m);
    });
  }

 private:
  static Placed read(Lab& lab, const std::string& name, const std::string& split) {
    const auto check = [](const std::vector<std::string>& captions, const std::string& where) {
      parse_place(captions.at(0), where);
    };
    PairFeatures pairs = lab.pair_features(name, split, std::numeric_limits<std::int64_t>::max(), lab.joint(), check);
    Placed placed{{}, std::move(pairs.features)};
    for (std::int64_t i = 0; i < pairs.size(); ++i)
      placed.places.push_back(parse_place(pairs.captions[i].at(0), pairs.id + ": " + pairs.keys[i]));
    return placed;
  }

  /// What a reference picture drawn at random scores, exactly: the mean over all pairs.
  static void chance(Lab& lab, const std::string& name, const std::vector<Place>& known,
                     const std::vector<Place>& asked) {
    std::vector<std::int64_t> near(std::size(kRadiiKm));
    for (const Place& here : asked)
      for (const Place& there : known)
        for (std::size_t r = 0; r < near.size(); ++r) near[r] += kilometres(here, there) <= kRadiiKm[r];
    for (std::size_t r = 0; r < near.size(); ++r) {
      const double rate =
          static_cast<double>(near[r]) / (static_cast<double>(known.size()) * static_cast<double>(asked.size()));
      lab.record({name, lab.options().text("geolocalization.split"), "chance", "floor",
                  fmt::format("within_{}km", kRadiiKm[r])},
                 {rate, rate, rate, std::ssize(asked)});
    }
  }

  static void measure(Lab& lab, ClipModel& model, const std::string& name, const Placed& known, const Placed& asked,
                      std::size_t m) {
    const std::string split = lab.options().text("geolocalization.split"), encoder = model.info().name;
    MatrixD table(std::ssize(asked.places), 2);
    parallel_for(std::ssize(asked.places), [&](std::int64_t i) {
      Eigen::Index nearest = 0;  // of equal ones the first
      (known.features[m] * asked.features[m].row(i).transpose()).maxCoeff(&nearest);
      table.row(i) << static_cast<double>(nearest), kilometres(known.places[nearest], asked.places[i]);
    });
    for (const int radius : kRadiiKm) {
      const Eigen::Index hits = (table.col(1).array() <= radius).count();
      lab.record({name, split, encoder, "nearest-neighbour", fmt::format("within_{}km", radius)},
                 clopper_pearson(hits, table.rows()));
    }
    lab.array({"places/" + name + "/" + encoder, {"nearest", "km"}, table, array_params("places", name, encoder)});
  }
};

CLIPLAB_REGISTER_EXPERIMENT(Geolocalization, "geolocalization", "appendix E.4, Table 17",
                            "How near is the place of a picture's nearest neighbour?");

}  // namespace
}  // namespace cliplab
