// jemalloc's settings, for every program that links this file: jemalloc reads the variable `malloc_conf` at start.
// Freed memory stays with the program, which then remains as large as its largest part; otherwise each image and tensor
// costs a page fault every 4 KiB.
extern "C" {
extern const char* const malloc_conf;
const char* const malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1";
}
