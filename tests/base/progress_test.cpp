// Progress goes to stderr: few plain lines into a file, a bar on a terminal (a pseudo-terminal here).
#include "base/progress.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

namespace cliplab {
namespace {

using std::chrono::milliseconds;

/// What `body` writes when stderr is a terminal of `width` columns. The body runs in a child process.
std::string on_terminal(unsigned short width, const std::function<void()>& body) {
  winsize size{24, width, 0, 0};
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, &size);
  if (child == 0) {
    body();
    ::_exit(0);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(master, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(master);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return text;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Progress, WritesOnlyPlainLinesWhenNotOnATerminal) {
  testing::internal::CaptureStderr();
  {
    Progress progress("decode drawings", 50000, "images");
    for (int i = 1; i <= 50000; ++i) progress.update(i, "loss 3.21");
    say("in between");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text, "in between\ndecode drawings: 50000 of 50000 images in 0:00  loss 3.21\n");
}

TEST(Progress, CountsAdvancesOfManyThreads) {
  testing::internal::CaptureStderr();
  {
    Progress progress("count", 4000, "items");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) progress.advance();
      });
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "count: 4000 of 4000 items in 0:00\n");
}

TEST(Progress, DrawsABarWithShareRateAndTimeLeftOnATerminal) {
  const std::string text = on_terminal(120, [] {
    Progress progress("encode", 100, "images");
    for (int i = 1; i <= 50; ++i) {
      progress.update(i, "note here");
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  EXPECT_NE(text.find("\r\033[K[###"), std::string::npos) << text;
  EXPECT_NE(text.find(" %  "), std::string::npos);
  EXPECT_NE(text.find("/100 images  "), std::string::npos);
  EXPECT_NE(text.find("/s  0:0"), std::string::npos);
  EXPECT_NE(text.find(" left  note here"), std::string::npos);
  EXPECT_NE(text.find("encode: 50 of 100 images in 0:0"), std::string::npos);
}

TEST(Progress, RedrawsAtMostTenTimesASecond) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = on_terminal(120, [] {
    Progress progress("draw", 1'000'000'000, "items");
    for (const auto end = std::chrono::steady_clock::now() + milliseconds(550); std::chrono::steady_clock::now() < end;)
      progress.advance();
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_GE(occurrences(text, "items  "), 2u);
  EXPECT_LE(occurrences(text, "items  "), static_cast<std::size_t>(seconds * 10) + 1);
}

TEST(Progress, NeverWrapsANarrowTerminalsLine) {
  const std::string text = on_terminal(30, [] {
    Progress progress("a rather long description of the work", 100, "images");
    for (int i = 1; i <= 3; ++i) progress.update(i, "and a note"), std::this_thread::sleep_for(milliseconds(120));
  });
  const std::size_t first = text.find("\033[K"), next = text.find("\r\033[K", first + 1);
  ASSERT_NE(next, std::string::npos);
  EXPECT_LE(next - first - 3, 29u);
}

TEST(Progress, SayClearsTheBarFirst) {
  const std::string text = on_terminal(100, [] {
    Progress progress("encode", 100, "images");
    std::this_thread::sleep_for(milliseconds(120));
    progress.update(50);
    say("a message");
  });
  EXPECT_NE(text.find("\r\033[Ka message\r\n"), std::string::npos) << text;
}

TEST(Progress, SurvivesCountsBeyondTheTotal) {
  const std::string text = on_terminal(100, [] {
    Progress progress("encode", 10, "images"), empty("nothing", 0, "images");
    for (int i = 0; i < 3; ++i)
      progress.update(20 + i), empty.update(0), std::this_thread::sleep_for(milliseconds(120));
  });
  EXPECT_NE(text.find("100 %"), std::string::npos);
}

}  // namespace
}  // namespace cliplab
