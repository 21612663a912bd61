import { expect, test } from "bun:test";
import { infrastructureOf, isProxy } from "./infrastructure.ts";

test.each<[string, string | null, string | null]>([
  ["postgres", "PostgreSQL", "postgres"],
  ["docker.io/library/postgres:16-alpine@sha256:abc", "PostgreSQL", "postgres"],
  ["localhost:5000/bitnami/postgresql:16", "PostgreSQL", "postgres"],
  ["postgis/postgis:16-3.4", "PostgreSQL with PostGIS", "postgres"],
  ["pgvector/pgvector:pg17", "PostgreSQL with pgvector", "postgres"],
  ["timescale/timescaledb-ha:pg16", "PostgreSQL with TimescaleDB", "postgres"],
  ["mysql/mysql-server:8.0", "MySQL", "mysql"],
  ["mariadb:11", "MariaDB", "mariadb"],
  ["redis/redis-stack-server", "Redis", "redis"],
  ["valkey/valkey:8", "Valkey, a Redis", "redis"],
  ["memcached", "Memcached", null],
  ["rabbitmq:4-management", "RabbitMQ", null],
  ["nats:2", "NATS", null],
  ["confluentinc/cp-kafka:7", "Kafka", null],
  ["docker.redpanda.com/redpandadata/redpanda", "Kafka", null],
  ["temporalio/auto-setup:1.24", "Temporal", null],
  ["temporalio/ui", "Temporal", null],
  ["quay.io/minio/minio:latest", "MinIO, an S3", null],
  ["localstack/localstack", "LocalStack, an AWS", null],
  ["axllent/mailpit", "a catcher of mail", null],
  ["docker.elastic.co/elasticsearch/elasticsearch:8", "Elasticsearch", null],
  ["opensearchproject/opensearch", "OpenSearch", null],
  ["getmeili/meilisearch:v1", "a search engine", null],
  ["clickhouse/clickhouse-server", "ClickHouse", null],
  ["mongo:7", "MongoDB", null],
  ["jaegertracing/all-in-one", "tracing", null],
  ["otel/opentelemetry-collector-contrib", "an OpenTelemetry collector", null],
  ["adminer", "a tool for databases", null],
  // None of these is a server that everybody knows.
  ["minio/mc", null, null],
  ["myorg/postgres-exporter", null, null],
  ["myorg/ui", null, null],
  ["node:22", null, null],
  ["${IMAGE}", null, null],
  ["", null, null],
])("%s", (image, label, resource) => {
  expect(infrastructureOf(image)).toEqual(label === null ? null : { label, resource: resource as "postgres" });
});

test("what stands before an app", () => {
  expect(["nginx:1", "docker.io/traefik", "caddy@sha256:x", "nginx/nginx-prometheus-exporter", "node", null].map(isProxy)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
