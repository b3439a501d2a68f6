// Many cells of one config: the cross product of --sweep keys, or the lines of a file; one after the other, several at
// a time, or as a Slurm job array. A cell that is done is not run again, one that fails does not stop the others.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cliplab {

struct Cell {
  std::vector<std::string> words;  // of ./cliplab run CONFIG
  std::string title;               // the words that only this cell has
};

struct Sweep {
  std::vector<Cell> cells;
  int jobs = 1;                    // cells at a time, each a process with its share of the cores
  std::string launcher = "local";  // or "slurm"
  bool is_one() const { return cells.size() == 1 && cells[0].title.empty(); }
};

/// Takes --sweep key=a,b, --cells FILE, --jobs N and --launcher NAME out of `words`; the rest is every cell's. Throws
/// InputError.
Sweep take_sweep(std::vector<std::string> words);

/// `run_cell` does the work of one in this process and returns its folder. The state of each cell is in
/// results/sweeps/<name>-<hash>.csv during and after the sweep, and printed on stderr at the end. Returns 1 when a cell
/// failed. Throws Interrupted on a signal, after the running cells have saved their state.
int run_sweep(const Sweep& sweep, const std::filesystem::path& config, const std::string& name,
              const std::function<std::filesystem::path(const Cell&)>& run_cell);

}  // namespace cliplab
