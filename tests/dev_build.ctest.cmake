# ctest in build/release also lists the tests of the dev build, which are sanitised.
get_filename_component(dev_tests "${CMAKE_CURRENT_LIST_DIR}/../build/dev/tests" ABSOLUTE)
if(EXISTS "${dev_tests}/CTestTestfile.cmake")
  subdirs("${dev_tests}")
endif()
