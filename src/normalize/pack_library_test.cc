#include "normalize/pack_library.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

std::string pack_text(std::string_view name, std::string_view title) {
  return "name: " + std::string(name) + "\ntitle: " + std::string(title) +
         "\nevents: [{name: e}]\n";
}

TEST(PackLibrary, CarriesThePacksOfTheProgram) {
  const PackLibrary library = PackLibrary::built_in();
  const std::vector<std::string_view> want{
      "argocd",    "azure-monitor",    "cloudwatch-sns", "datadog",
      "generic",   "github",           "gitlab",         "grafana",
      "jenkins",   "kubernetes-event", "nagios",         "opsgenie",
      "pagerduty", "sentry",           "uptime-kuma",    "zabbix"};
  EXPECT_EQ(library.names(), want);
  ASSERT_NE(library.find("github"), nullptr);
  EXPECT_EQ(library.find("github")->title, "GitHub");
  EXPECT_EQ(library.find("gitbub"), nullptr);
}

TEST(PackLibrary, AUsersPackTakesThePlaceOfABuiltInOne) {
  PackLibrary library = PackLibrary::built_in();
  const std::size_t before = library.size();
  const auto held = library.shared("github");
  ASSERT_TRUE(library.add({{"my/github.yaml", pack_text("github", "Ours")}}));
  EXPECT_EQ(library.size(), before);
  EXPECT_EQ(library.find("github")->title, "Ours");
  EXPECT_EQ(held->title, "GitHub");  // Who still decodes with the old one keeps it.
}

TEST(PackLibrary, ABadFileAddsNothing) {
  PackLibrary library;
  const Status status =
      library.add({{"a.yaml", pack_text("a", "A")}, {"b.yaml", "name: b\nevnets: []\n"}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().to_string(),
            "b.yaml:2:1: unknown key 'evnets' in 'pack', did you mean 'events'?");
  EXPECT_EQ(library.size(), 0u);
}

TEST(PackLibrary, TwoFilesOfOneNameAreAnError) {
  PackLibrary library;
  const Status status =
      library.add({{"a.yaml", pack_text("x", "A")}, {"b.yaml", pack_text("x", "B")}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().to_string(), "b.yaml: pack 'x' is already in a.yaml");
}

TEST(PackLibrary, ReadsADirectory) {
  PackLibrary library;
  ASSERT_TRUE(library.add_directory(QUELL_SOURCE_DIR "/providers"));
  EXPECT_EQ(library.names(), PackLibrary::built_in().names());
  const Status status = library.add_directory("/nonexistent");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "cannot read pack directory '/nonexistent': No such file or directory");
}

}  // namespace
}  // namespace quell
