#include "model/label_meaning.h"

#include <gtest/gtest.h>

namespace quell {
namespace {

void check_entity(std::string_view labels, std::string_view want) {
  EXPECT_EQ(entity_from_labels(*LabelSet::parse(labels)).to_string(), want) << "for " << labels;
}

TEST(LabelMeaning, EntityTakesTheMostSpecificServiceFirst) {
  check_entity("alertname=X", "");
  check_entity("service=checkout,app=a,pod=p,instance=i:1", "service:checkout");
  check_entity("service_name=checkout,pod=p", "service:checkout");
  check_entity("app=cart,job=j,namespace=n", "service:cart");
  check_entity("app.kubernetes.io/name=cart", "service:cart");
  check_entity("deployment=cart,job=j,namespace=n,pod=p", "workload:cart");
  check_entity("job=cart,namespace=shop,pod=cart-1", "service:cart");
  check_entity("job=node,instance=db-1:9100", "host:db-1");
  check_entity("job=batch", "service:batch");
  check_entity("pod=cart-1,node=n1,namespace=shop", "pod:cart-1");
  check_entity("node=n1,instance=10.0.0.1:8080", "node:n1");
  check_entity("host=h1,instance=10.0.0.1:8080", "host:h1");
  check_entity("namespace=shop,cluster=eu1", "namespace:shop");
  check_entity("cluster=eu1", "cluster:eu1");
}

TEST(LabelMeaning, EntityOfAnInstanceIsItsHost) {
  check_entity("instance=db-1:9100", "host:db-1");
  check_entity("instance=db-1", "host:db-1");
  check_entity("instance=[2001:db8::1]:9100", "host:2001:db8::1");
  check_entity("instance=2001:db8::1", "host:2001:db8::1");
  check_entity("instance=https://shop.example/health", "instance:https://shop.example/health");
}

TEST(LabelMeaning, WhatMeasuresOthersIsNotTheEntity) {
  check_entity("service=kube-state-metrics,job=kube-state-metrics,namespace=shop,pod=cart-1",
               "pod:cart-1");
  check_entity("app=node-exporter,job=node-exporter,namespace=monitoring,instance=10.0.0.5:9100",
               "host:10.0.0.5");
  check_entity("job=kubelet,namespace=shop", "service:kubelet");
}

void check_severity(std::string_view labels, std::string_view want, std::string_view want_text) {
  const auto set = *LabelSet::parse(labels);
  const auto got = severity_from_labels(set, Severity::Warning);
  EXPECT_EQ(severity_name(got.severity), want) << labels;
  EXPECT_EQ(got.text, want_text) << labels;
}

TEST(LabelMeaning, Severity) {
  check_severity("severity=page,level=info", "critical", "page");
  check_severity("priority=P2,level=info", "error", "P2");
  check_severity("level=Info", "info", "Info");
  check_severity("severity=purple", "warning", "purple");
  check_severity("severity=none", "info", "none");
  check_severity("a=b", "warning", "");
}

void check_title(std::string_view labels, std::string_view annotations, std::string_view want) {
  const auto l = *LabelSet::parse(labels);
  const auto a = *LabelSet::parse(annotations);
  EXPECT_EQ(title_from_labels(l, a, 12), want);
}

TEST(LabelMeaning, TitleIsOneLine) {
  check_title("alertname=Down", "summary=5xx,description=d", "5xx");
  check_title("alertname=Down", "description=\"\n  one \ntwo\"", "one");
  check_title("alertname=Down", "summary=\" \n\"", "Down");
  check_title("alertname=Down", "summary=12345678901€", "12345678901");
  check_title("a=b", "", "");
}

TEST(LabelMeaning, CorrelationId) {
  EXPECT_EQ(correlation_id_from_labels(*LabelSet::parse("trace_id=t,correlation_id=c")), "c");
  EXPECT_EQ(correlation_id_from_labels(*LabelSet::parse("traceId=t")), "t");
  EXPECT_EQ(correlation_id_from_labels(*LabelSet::parse("a=b")), "");
}

}  // namespace
}  // namespace quell
