// What opening, counting and verifying a SetRef share: the listing of its folder, and the rows that make a split (the
// split rules of the paper's sets).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sets/listing.hpp"
#include "sets/set_ref.hpp"

namespace cliplab {

/// A folder as it was read: once a process, since a compressed archive takes seconds. A built set is read again when it
/// has been built again.
struct ReadSet {
  Listing listing;
  std::string hash;  // 12 digits, of the content
};
std::shared_ptr<const ReadSet> read_set(const SetRef& set);

/// Rows of the listing that make `split`; empty when it has none.
std::vector<std::size_t> rows_of(const SetRef& set, const Listing& listing, const std::string& split);
/// The same; throws InputError that names the splits and parts with samples where there is none.
std::vector<std::size_t> need_rows(const SetRef& set, const Listing& listing, const std::string& split);
/// Those of train, validation and test that have rows. Names of the folder's splits count by their role
/// (split_names.hpp). "validation" is a split of the folder that neither train nor test is made of.
std::vector<std::string> splits_of(const SetRef& set, const Listing& listing);
/// The folder's own names of the splits that have samples, sorted.
std::vector<std::string> parts_of(const Listing& listing);
/// Throws InputError with the first of the listing's problems, if it has any.
void refuse_damage(const SetRef& set, const Listing& listing);

}  // namespace cliplab
