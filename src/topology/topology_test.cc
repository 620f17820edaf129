#include "topology/topology.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

constexpr std::string_view kShop = R"(
services:
  - name: web
    depends_on: [checkout, catalog]
  - name: checkout
    owner: team-payments
    depends_on: [payments, database:orders]
    aliases: [checkout-api]
  - {name: catalog, depends_on: [database:orders]}
)";

std::string describe(const Entity& entity) {
  const auto topology = Topology::parse(kShop, "topology.yaml");
  std::string text;
  for (const Neighbour& n : topology->neighbours(entity)) {
    text += n.entity.to_string() + " " + std::to_string(n.weight).substr(0, 3) + "; ";
  }
  return text;
}

TEST(Topology, NeighboursByDistance) {
  EXPECT_EQ(describe({"database", "orders"}),
            "service:catalog 0.8; service:checkout 0.8; service:web 0.5; ");
  EXPECT_EQ(describe({"service", "checkout-api"}),
            "database:orders 0.8; service:payments 0.8; service:web 0.8; service:catalog 0.4; ");
  EXPECT_EQ(describe({"service", "unknown"}), "");
}

TEST(Topology, PodsBelongToTheirService) {
  const auto topology = Topology::parse(kShop, "topology.yaml");
  const auto service_of = [&](std::string name) {
    return topology->canonical({"pod", std::move(name)}).to_string();
  };
  EXPECT_EQ(service_of("checkout-7d9f5b6c4-x2k8p"), "service:checkout");
  EXPECT_EQ(service_of("orders-0"), "database:orders");
  EXPECT_EQ(service_of("other-7d9f5b6c4-x2k8p"), "pod:other-7d9f5b6c4-x2k8p");
}

TEST(Topology, Owner) {
  const auto topology = Topology::parse(kShop, "topology.yaml");
  EXPECT_EQ(topology->owner({"service", "checkout-api"}), "team-payments");
  EXPECT_EQ(topology->owner({"service", "web"}), "");
}

void check_error(std::string_view text, std::string_view want) {
  const auto got = Topology::parse(text, "t.yaml");
  EXPECT_EQ(got ? "ok" : got.error().to_string(), want) << text;
}

TEST(Topology, ErrorsSayWhere) {
  check_error("", "ok");
  check_error("services:\n  - name: a\n    dependson: [b]\n",
              "t.yaml:3:5: unknown key 'dependson', did you mean 'depends_on'?");
  check_error("services:\n  - owner: x\n", "t.yaml:2:5: a service needs a name");
  check_error("servces: []", "t.yaml:1:1: unknown key 'servces', expected 'services'");
  check_error("services: [{name: a}, {name: a}]", "t.yaml: 'service:a' is listed twice");
  check_error("services: [", "t.yaml:1:1: end of sequence flow not found");
}

}  // namespace
}  // namespace quell
