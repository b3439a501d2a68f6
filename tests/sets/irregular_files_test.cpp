// A pipe, a device or a socket in the place of a file of a data set: an error at once, never a reader that waits.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "sets/archive_reader.hpp"
#include "sets/loader.hpp"
#include "sets/mat_file.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class IrregularFiles : public TwinTest {
 protected:
  IrregularFiles() { ::alarm(120); }  // a reader that blocks ends the tests here
  ~IrregularFiles() override { ::alarm(0); }

  fs::path make_pipe(const std::string& path) const {
    fs::create_directories((sets / path).parent_path());
    EXPECT_EQ(::mkfifo((sets / path).c_str(), 0644), 0) << path;
    return sets / path;
  }
};

TEST_F(IrregularFiles, EveryLayoutRefusesAPipe) {
  const std::vector<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>> cases{
      {"labels.tsv", {}},
      {"labels.csv", {}},
      {"captions.tsv", {}},
      {"captions.csv", {}},
      {"classes.txt", {{"labels.tsv", "path\tsplit\tlabel\tclass\n"}}},
      {"images.tar.gz", {{"captions.tsv", "path\tsplit\tcaption_no\tcaption\n"}}},
      {"images.tar", {{"captions.tsv", "path\tsplit\tcaption_no\tcaption\n"}}},
      {"classnames.txt", {{"test/0.tar", "x"}}},
      {"test/0.tar", {{"classnames.txt", "cat\n"}}},
      {"test/0.tar.gz", {{"classnames.txt", "cat\n"}}},
      {"test/nshards.txt", {{"classnames.txt", "cat\n"}, {"test/0.tar", "x"}}},
      {"dataset_type.txt", {{"test/0.tar", "x"}}},
      {"zeroshot_classification_templates.txt", {{"classnames.txt", "cat\n"}, {"test/0.tar", "x"}}},
      {"classnames.txt", {{"cat/a.png", "x"}}},
      {"fine_label_names.txt", {}},
      {"batches.meta.txt", {}},
      {"data_batch_1.bin", {{"batches.meta.txt", "cat\n"}}},
      {"train-images-idx3-ubyte", {{"train-labels-idx1-ubyte", "x"}}},
      {"t10k-images.idx3-ubyte.gz", {{"t10k-labels-idx1-ubyte", "x"}}},
      {"ImageSets/Main/trainval.txt", {}},
      {"metadata/pmsets.json", {{"metadata/labels.json", "{}"}, {"misc/x_class_index.json", "{}"}}},
      {"misc/x_class_index.json", {{"metadata/labels.json", "{}"}, {"metadata/pmsets.json", "{}"}}},
      {"meta/classes.txt", {}},
      {"labels/train1.txt", {}},
      {"annotations/trainval.txt", {}},
      {"Training_01.txt", {{"ClassName.txt", "/a\n"}}},
      {"devkit/cars_meta.mat", {}},
      {"imagelabels.mat", {{"setid.mat", "x"}}},
      {"train_32x32.mat", {}},
      {"fer2013.csv", {}},
      {"train.jsonl", {}},
  };
  int number = 0;
  for (const auto& [pipe, files] : cases) {
    const std::string folder = "set" + std::to_string(number++);
    for (const auto& [file, content] : files) write(folder + "/" + file, content);
    make_pipe(folder + "/" + pipe);
    EXPECT_THAT(input_error([&] { listing(folder); }), HasSubstr(pipe + ": a named pipe, expected a regular file"))
        << pipe;
  }
}

TEST_F(IrregularFiles, APictureThatIsAPipeIsOneProblem) {
  write("tree/cat/a.png", png(1));
  make_pipe("tree/cat/b.png");
  fs::create_symlink("/dev/zero", sets / "tree/cat/c.png");
  EXPECT_THAT(problems("tree"), HasSubstr("b.png: a link to nothing or no file"));
  EXPECT_THAT(problems("tree"), HasSubstr("c.png: a link to nothing or no file"));
  EXPECT_EQ(listing("tree").items.size(), 1u);
}

TEST_F(IrregularFiles, LinksDevicesAndSocketsAreNamed) {
  fs::create_symlink(make_pipe("pipe"), sets / "link");
  fs::create_symlink("/dev/zero", sets / "zero.tar");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT((sets / "socket").string().size(), sizeof address.sun_path);
  (sets / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const auto found = [&](const char* name, const char* what) {
    const fs::path file = sets / name;
    for (const std::string& error :
         {input_error([&] { read_file(file); }), input_error([&] { sha256_file(file); }),
          input_error([&] { read_lines(file); }), input_error([&] { Container container(file); }),
          input_error([&] { ArchiveReader reader(file, ArchiveReader::Formats::kAll); }),
          input_error([&] { mat_numbers(file, "x"); }), input_error([&] { expand_shards(file.string()); })})
      EXPECT_EQ(error, file.string() + ": " + what + ", expected a regular file");
  };
  found("pipe", "a named pipe");
  found("link", "a named pipe");
  found("zero.tar", "a device");
  found("socket", "a socket");
  ::close(listener);
  EXPECT_THAT(input_error([&] { read_file(sets); }), HasSubstr("Is a directory"));
  fs::create_directories(sets / "shards");
  make_pipe("shards/0.tar");
  EXPECT_THAT(input_error([&] { expand_shards((sets / "shards").string()); }), HasSubstr("0.tar: a named pipe"));
}

}  // namespace
}  // namespace cliplab
