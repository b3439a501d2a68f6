// The authors' own annotation files of thirteen sets, by twins with a known answer; and MATLAB files that are damaged.
#include <gmock/gmock.h>

#include <map>
#include <memory>

#include "sets/mat_file.hpp"
#include "sets/twins.hpp"

namespace cliplab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class OfficialTest : public TwinTest {
 protected:
  /// Writes variables to a MAT v5 file.
  class Mat {
   public:
    explicit Mat(const fs::path& file) {
      fs::create_directories(file.parent_path());
      mat_ = Mat_CreateVer(file.c_str(), nullptr, MAT_FT_MAT5);
    }
    ~Mat() { Mat_Close(mat_); }
    template <class T>
    static matvar_t* array(const char* name, matio_classes kind, matio_types type, std::vector<std::size_t> shape,
                           std::vector<T> values) {
      return Mat_VarCreate(name, kind, type, static_cast<int>(shape.size()), shape.data(), values.data(), 0);
    }
    static matvar_t* text(const char* name, const std::string& value) {
      return array<char>(name, MAT_C_CHAR, MAT_T_UTF8, {1, value.size()}, {value.begin(), value.end()});
    }
    void write(matvar_t* variable) {
      EXPECT_EQ(Mat_VarWrite(mat_, variable, MAT_COMPRESSION_ZLIB), 0);
      Mat_VarFree(variable);
    }
    void annotations(const std::vector<std::pair<std::string, double>>& rows) {
      const char* fields[]{"class", "fname"};
      std::size_t shape[]{1, rows.size()};
      matvar_t* variable = Mat_VarCreateStruct("annotations", 2, shape, fields, 2);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        Mat_VarSetStructFieldByName(variable, "class", i,
                                    array<double>("class", MAT_C_DOUBLE, MAT_T_DOUBLE, {1, 1}, {rows[i].second}));
        Mat_VarSetStructFieldByName(variable, "fname", i, text("fname", rows[i].first));
      }
      write(variable);
    }

   private:
    mat_t* mat_;
  };
  /// Pictures by path, each with its shade.
  void pictures(const std::string& name, const std::map<std::string, int>& shades) const {
    for (const auto& [path, shade] : shades) write(name + "/" + path, png(shade));
  }
  void write_cars() const {
    pictures("cars", {{"cars_train/1.jpg", 1}, {"cars_train/2.jpg", 2}, {"cars_test/1.jpg", 3}});
    write("cars/devkit/cars_meta.mat",
          read_file(CLIPLAB_SOURCE_DIR "/tests/golden/annotations.mat"));  // three names, by SciPy
    Mat(sets / "cars/devkit/cars_train_annos.mat").annotations({{"1.jpg", 2}, {"2.jpg", 1}});
    Mat(sets / "cars/cars_test_annos_withlabels.mat").annotations({{"1.jpg", 1}});
  }
};

TEST_F(OfficialTest, Food101) {
  pictures("food", {{"images/apple_pie/1.jpg", 1}, {"images/waffles/2.jpg", 2}});
  write("food/meta/classes.txt", "apple_pie\nwaffles\n"), write("food/meta/train.txt", "apple_pie/1\n"),
      write("food/meta/test.txt", "waffles/2\n");
  EXPECT_THAT(contents(listing("food")), ElementsAre("test/waffles/2", "train/apple_pie/1"));
  write("food/meta/test.txt", "waffles/2\nwaffles/3\npizza/1\n");
  EXPECT_THAT(problems("food"), HasSubstr("no picture 'images/waffles/3.jpg'"));
  EXPECT_THAT(problems("food"), HasSubstr("class 'pizza' of images/pizza/1.jpg, which the set does not have"));
}

TEST_F(OfficialTest, DtdTakesTheFirstSplitAndSortsNames) {
  pictures("dtd", {{"images/woven/1.jpg", 1}, {"images/banded/2.jpg", 2}, {"images/dotted/3.jpg", 3}});
  write("dtd/labels/train1.txt", "woven/1.jpg\n"), write("dtd/labels/val1.txt", "banded/2.jpg\n"),
      write("dtd/labels/test1.txt", "dotted/3.jpg\r\n");
  const Listing read = listing("dtd");
  EXPECT_THAT(read.class_names, ElementsAre("banded", "dotted", "woven"));
  EXPECT_THAT(contents(read), ElementsAre("test/dotted/3", "train/woven/1", "val/banded/2"));
}

TEST_F(OfficialTest, AircraftTakesTheVariant) {
  pictures("planes", {{"data/images/001.jpg", 1}, {"data/images/002.jpg", 2}, {"data/images/003.jpg", 3}});
  write("planes/data/variants.txt", "737-200\nDC-3\n"), write("planes/data/images_variant_train.txt", "001 DC-3\n");
  write("planes/data/images_variant_val.txt", "002 737-200\n"),
      write("planes/data/images_variant_test.txt", "003 DC-3\n");
  EXPECT_THAT(contents(listing("planes")), ElementsAre("test/DC-3/3", "train/DC-3/1", "val/737-200/2"));
}

TEST_F(OfficialTest, PetsJoinByNameWhateverTheOrder) {
  pictures("pets", {{"images/Bengal_1.jpg", 1}, {"images/american_bulldog_2.jpg", 2}, {"images/Bengal_3.jpg", 3}});
  write("pets/annotations/trainval.txt", "american_bulldog_2 2 2 1\nBengal_1 6 1 2\n"),
      write("pets/annotations/test.txt", "Bengal_3 6 1 2\n");
  EXPECT_THAT(contents(listing("pets")),
              ElementsAre("test/Bengal/3", "trainval/Bengal/1", "trainval/american_bulldog/2"));
}

TEST_F(OfficialTest, Sun397TakesTheFirstPartition) {
  pictures("sun", {{"a/abbey/1.jpg", 1}, {"b/bar/indoor/2.jpg", 2}});
  write("sun/ClassName.txt", "/a/abbey\n/b/bar/indoor\n"), write("sun/Training_01.txt", "/a/abbey/1.jpg\n"),
      write("sun/Testing_01.txt", "/b/bar/indoor/2.jpg\n");
  EXPECT_THAT(contents(listing("sun")), ElementsAre("test//b/bar/indoor/2", "train//a/abbey/1"));
}

TEST_F(OfficialTest, GtsrbReadsPpmAndSemicolons) {
  Image sign = Image::make(8, 8, 3);
  for (std::size_t i = 0; i < sign.size(); ++i) sign.pixels[i] = static_cast<std::uint8_t>(i);
  const std::string ppm = "P6\n# a sign\n8 8\n255\n" + std::string(sign.pixels.begin(), sign.pixels.end());
  write("signs/Training/00014/00000_00000.ppm", ppm), write("signs/Final_Test/Images/00000.ppm", ppm);
  write("signs/GT-final_test.csv",
        "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n00000.ppm;8;8;1;1;7;7;16\r\n");
  const Listing read = listing("signs");
  EXPECT_THAT(read.problems, IsEmpty());
  ASSERT_EQ(read.items.size(), 2u);
  EXPECT_EQ(read.class_names[read.items[0].label], "14");
  EXPECT_EQ(read.class_names[read.items[1].label], "16");
  EXPECT_EQ(decode_item(read, read.items[1]).pixels, sign.pixels);
  EXPECT_THAT(input_error([&] { decode_image(ppm.substr(0, 100), "s.ppm"); }), HasSubstr("ends before its last pixel"));
  EXPECT_THAT(input_error([&] { decode_image("P6 8 8 65535\n", "s.ppm"); }), HasSubstr("ends before its last pixel"));
  EXPECT_THAT(input_error([&] { decode_image("P6 #", "s.ppm"); }), HasSubstr("a header of PNM with ''"));
  Rng rng(3);
  for (int i = 0; i < 3000; ++i) input_error([&] { decode_image(mutate(ppm, rng), "s.ppm", 1 << 20); });
}

TEST_F(OfficialTest, CarsReadMatlabStructsAndCells) {
  write_cars();
  EXPECT_THAT(contents(listing("cars")),
              ElementsAre("test/Acura RL Sedan 2012/3", "train/Acura RL Sedan 2012/2", "train/BMW Coupé/1"));
  Mat(sets / "cars/cars_test_annos_withlabels.mat").annotations({{"1.jpg", 4}, {"9.jpg", 1}});
  EXPECT_THAT(problems("cars"), HasSubstr("class id 3 of cars_test/1.jpg, expected one of 3 classes"));
  EXPECT_THAT(problems("cars"), HasSubstr("no picture 'cars_test/9.jpg'"));
}

TEST_F(OfficialTest, MatlabFilesOfScipyAreReadWithTheirUnicode) {
  const fs::path file = CLIPLAB_SOURCE_DIR "/tests/golden/annotations.mat";
  EXPECT_THAT(mat_cell_texts(file, "class_names"),
              ElementsAre("Acura RL Sedan 2012", "BMW Coupé", "Ram C/V Cargo Van Minivan 2012"));
  EXPECT_THAT(mat_field_texts(file, "annotations", "fname"), ElementsAre("00001.jpg", "00002.jpg"));
  EXPECT_THAT(mat_field_numbers(file, "annotations", "class"), ElementsAre(200, 1));
  EXPECT_THAT(mat_numbers(file, "labels"), ElementsAre(77, 77, 3));
}

TEST_F(OfficialTest, FlowersCountFromOne) {
  pictures("flowers", {{"jpg/image_00001.jpg", 1}, {"jpg/image_00002.jpg", 2}, {"jpg/image_00003.jpg", 3}});
  Mat(sets / "flowers/imagelabels.mat")
      .write(Mat::array<std::uint8_t>("labels", MAT_C_UINT8, MAT_T_UINT8, {1, 3}, {102, 1, 7}));
  {
    Mat ids(sets / "flowers/setid.mat");
    ids.write(Mat::array<std::uint16_t>("trnid", MAT_C_UINT16, MAT_T_UINT16, {1, 1}, {3}));
    ids.write(Mat::array<std::uint16_t>("valid", MAT_C_UINT16, MAT_T_UINT16, {1, 1}, {2}));
    ids.write(Mat::array<std::uint16_t>("tstid", MAT_C_UINT16, MAT_T_UINT16, {1, 2}, {1, 4}));
  }
  EXPECT_THAT(contents(listing("flowers")), ElementsAre("test/102/1", "train/7/3", "val/1/2"));
  EXPECT_THAT(problems("flowers"), HasSubstr("image_00004.jpg without a label"));
}

TEST_F(OfficialTest, SvhnIsColumnMajorAndTenIsZero) {
  for (const std::string split : {"train", "test"}) {
    std::vector<std::uint8_t> x(4 * 3 * 3 * 2);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint8_t>(i);
    Mat mat(sets / ("svhn/" + split + "_32x32.mat"));
    mat.write(Mat::array<std::uint8_t>("X", MAT_C_UINT8, MAT_T_UINT8, {4, 3, 3, 2}, x));
    mat.write(Mat::array<double>("y", MAT_C_DOUBLE, MAT_T_DOUBLE, {2, 1}, {10, 3}));
  }
  const Listing read = listing("svhn");
  ASSERT_EQ(read.items.size(), 4u);
  EXPECT_EQ(read.items[0].label, 0);
  EXPECT_EQ(read.items[1].label, 3);
  const Image image = decode_item(read, read.items[1]);
  EXPECT_EQ(image.height, 4);
  EXPECT_EQ(image.width, 3);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 3; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(image.at(y, x)[c], y + 4 * (x + 3 * (c + 3)));
  {
    Mat mat(sets / "svhn/test_32x32.mat");
    mat.write(Mat::array<std::uint8_t>("X", MAT_C_UINT8, MAT_T_UINT8, {4, 3, 3, 1}, std::vector<std::uint8_t>(36)));
    mat.write(Mat::array<double>("y", MAT_C_DOUBLE, MAT_T_DOUBLE, {2, 1}, {10, 3}));
  }
  EXPECT_THAT(input_error([&] { listing("svhn"); }), HasSubstr("do not fit"));
}

TEST_F(OfficialTest, DamagedMatlabFilesAreNamed) {
  write_cars();
  const std::string whole = read_file(sets / "cars/devkit/cars_train_annos.mat");
  EXPECT_THAT(input_error([&] { mat_numbers(sets / "cars/devkit/cars_train_annos.mat", "nothing"); }),
              HasSubstr("no variable 'nothing'"));
  EXPECT_THAT(input_error([&] { mat_numbers(sets / "cars/devkit/cars_train_annos.mat", "annotations"); }),
              HasSubstr("'annotations' of another type"));
  EXPECT_THAT(input_error([&] { mat_field_texts(sets / "cars/devkit/cars_train_annos.mat", "annotations", "class"); }),
              HasSubstr("annotations.class"));
  for (const std::string& damaged :
       {std::string(), std::string("text"), whole.substr(0, 100), whole.substr(0, whole.size() - 20)}) {
    overwrite(sets / "cars/devkit/cars_train_annos.mat", damaged);
    EXPECT_THAT(input_error([&] { listing("cars"); }), HasSubstr("cars_train_annos.mat"));
  }
}

TEST_F(OfficialTest, Fer2013ReadsPixelsFromText) {
  std::string pixels = "7";
  for (int i = 1; i < 48 * 48; ++i) pixels += " " + std::to_string(i % 256);
  write("fer/fer2013.csv",
        "emotion,pixels,Usage\n3," + pixels + ",Training\n0," + pixels + ",PrivateTest\n6," + pixels + ",PublicTest\n");
  const Listing read = listing("fer");
  ASSERT_EQ(read.items.size(), 3u);
  EXPECT_EQ(read.class_names[read.items[0].label], "happy");
  EXPECT_EQ(read.splits[read.items[1].split], "test");
  const Image image = decode_item(read, read.items[2]);
  EXPECT_EQ(image.at(0, 0)[2], 7);
  EXPECT_EQ(image.at(2, 5)[0], 101);
  write("fer/fer2013.csv", "emotion,pixels,Usage\n7," + pixels + ",Training\n0," + pixels +
                               " 3,Training\n0,1 2,Training\n1," + pixels + ",Test\n2\n");
  const std::string wrong = problems("fer");
  EXPECT_EQ(std::count(wrong.begin(), wrong.end(), '\n'), 5);
}

TEST_F(OfficialTest, ClevrCountsObjects) {
  pictures("clevr", {{"images/val/a.png", 1}, {"images/val/b.png", 2}, {"images/val/c.png", 3}});
  const auto scene = [](const std::string& name, std::size_t objects) {
    return nlohmann::json{{"image_filename", name},
                          {"objects", std::vector<nlohmann::json>(objects, nlohmann::json::object())}};
  };
  write("clevr/scenes/CLEVR_val_scenes.json",
        nlohmann::json{{"scenes", {scene("a.png", 10), scene("b.png", 3), scene("c.png", 2), 7}}}.dump());
  EXPECT_THAT(contents(listing("clevr")), ElementsAre("val/ten/1", "val/three/2"));
  EXPECT_THAT(problems("clevr"), HasSubstr("class id -1 of images/val/c.png"));
  EXPECT_THAT(problems("clevr"), HasSubstr("without image_filename"));
  write("clevr/scenes/CLEVR_val_scenes.json", "[");
  EXPECT_THAT(input_error([&] { listing("clevr"); }), HasSubstr("no list of scenes"));
}

TEST_F(OfficialTest, KittiTakesTheNearestVehicle) {
  const auto line = [](const std::string& kind, const std::string& z) {
    return kind + " 0 0 0 1 2 3 4 1.5 1.6 4 0.1 1.7 " + z + " 0\n";
  };
  const std::map<std::string, std::string> labels{{"0", line("Car", "8.00") + line("Van", "30")},
                                                  {"1", line("Truck", "20.0") + line("Pedestrian", "2")},
                                                  {"2", line("Car", "20.01")},
                                                  {"3", line("Tram", "3")},
                                                  {"4", "Car 0\n"},
                                                  {"5", ""}};
  for (const auto& [name, text] : labels)
    write("kitti/training/label_2/" + name + ".txt", text),
        write("kitti/training/image_2/" + name + ".png", png(name[0] - '0'));
  EXPECT_THAT(contents(listing("kitti")),
              ElementsAre("all/0/0", "all/1/1", "all/2/2", "all/3/3", "all/3/4", "all/3/5"));
  EXPECT_THAT(problems("kitti"), HasSubstr("4.txt: a line without 15 columns"));
}

TEST_F(OfficialTest, HatefulMemesAreALineEach) {
  pictures("memes", {{"img/1.png", 1}, {"img/2.png", 2}});
  write("memes/train.jsonl", R"({"id":1,"img":"img/1.png","label":1,"text":"x"})"
                             "\n");
  write("memes/dev_seen.jsonl", R"({"id":2,"img":"img/2.png","label":0,"text":"y"})"
                                "\n{}\n"
                                R"({"img":"img/1.png","label":0})"
                                "\n");
  EXPECT_THAT(contents(listing("memes")), ElementsAre("dev/meme/2", "train/hatespeech meme/1"));
  EXPECT_THAT(problems("memes"), HasSubstr("without img and label"));
  EXPECT_THAT(problems("memes"), HasSubstr("'img/1.png' a second time"));
}

}  // namespace
}  // namespace cliplab
