// Images that are no app of anybody's: databases, queues, mail catchers. They are heavy, and one for all worktrees is enough.

export interface Infrastructure {
  label: string;
  /** Kind of resource that can live in it; null: none of ours. */
  resource: "postgres" | "mysql" | "mariadb" | "redis" | null;
}

/** Names of images, without registry, owner and tag. */
const names: readonly [label: string, pattern: RegExp, resource?: Infrastructure["resource"]][] = [
  ["PostgreSQL", /^(postgres|postgresql|postgres-server|spilo.*|citus|paradedb)$/, "postgres"],
  ["PostgreSQL with PostGIS", /^postgis$/, "postgres"],
  ["PostgreSQL with pgvector", /^pgvector(o)?(\.rs)?$/, "postgres"],
  ["PostgreSQL with TimescaleDB", /^timescaledb(-ha|-docker)?$/, "postgres"],
  ["MySQL", /^(mysql|mysql-server|percona|percona-server)$/, "mysql"],
  ["MariaDB", /^mariadb$/, "mariadb"],
  ["Redis", /^(redis|redis-stack|redis-stack-server|redis-sentinel)$/, "redis"],
  ["Valkey, a Redis", /^(valkey|keydb|dragonfly)$/, "redis"],
  ["Memcached", /^memcached$/],
  ["RabbitMQ", /^rabbitmq$/],
  ["NATS", /^nats(-streaming)?$/],
  ["Kafka", /^(kafka|cp-kafka|kafka-native|redpanda|zookeeper|cp-zookeeper|cp-schema-registry|kafka-ui)$/],
  ["MinIO, an S3", /^minio$/],
  ["LocalStack, an AWS", /^(localstack|localstack-pro|moto|motoserver)$/],
  ["a catcher of mail", /^(mailpit|mailhog|mailcatcher|maildev|inbucket|greenmail|smtp4dev|fake-smtp-server|mailslurper)$/],
  ["Elasticsearch", /^(elasticsearch|kibana|logstash)$/],
  ["OpenSearch", /^(opensearch|opensearch-dashboards)$/],
  ["a search engine", /^(meilisearch|typesense|solr|zincsearch|manticore|sonic)$/],
  ["ClickHouse", /^clickhouse(-server)?$/],
  ["MongoDB", /^(mongo|mongodb|mongodb-community-server|mongo-express)$/],
  [
    "a database",
    /^(cassandra|scylla|neo4j|influxdb|couchdb|cockroach|dynamodb-local|arangodb|surrealdb|ferretdb|mssql|server-2022|oracle-free)$/,
  ],
  ["a vector database", /^(qdrant|weaviate|milvus|chroma|chromadb)$/],
  ["tracing", /^(jaeger|all-in-one|zipkin|tempo)$/],
  ["an OpenTelemetry collector", /^(opentelemetry-collector.*|otel-collector.*|otel-lgtm|aspire-dashboard)$/],
  ["monitoring", /^(prometheus|grafana|loki|alertmanager|statsd|graphite-statsd|seq)$/],
  ["coordination", /^(etcd|consul|vault|openbao)$/],
  ["a login server", /^(keycloak|dex|oauth2-mock-server|mock-oauth2-server|authentik)$/],
  [
    "a cloud's stand-in",
    /^(azurite|fake-gcs-server|elasticmq|elasticmq-native|goaws|stripe-mock|google-cloud-cli-emulators|pubsub-emulator)$/,
  ],
  ["a local model server", /^ollama$/],
  ["a tool for databases", /^(adminer|pgadmin4?|phpmyadmin|redis-commander|redisinsight|cloudbeaver|pgweb)$/],
];

/** By owner and name, where the name alone says too little. */
const owners: readonly [label: string, pattern: RegExp][] = [
  ["Temporal", /^temporalio\/(auto-setup|server|ui|temporal|admin-tools)$/],
  ["tracing", /^jaegertracing\//],
  ["a cloud's stand-in", /^(softwaremill\/elasticmq|mcr\.microsoft\.com\/azure-storage\/azurite)/],
];

/** null: an app, or nothing that is known. */
export function infrastructureOf(image: string | null): Infrastructure | null {
  const path = (image ?? "")
    .toLowerCase()
    .replace(/@.*$/, "")
    .replace(/:[^/]*$/, "");
  const parts = path.split("/");
  const [name = ""] = parts.slice(-1);
  const owned = owners.find(([, pattern]) => pattern.test(parts.slice(-2).join("/")) || pattern.test(path));
  if (owned) return { label: owned[0], resource: null };
  const found = names.find(([, pattern]) => pattern.test(name));
  return found ? { label: found[0], resource: found[2] ?? null } : null;
}

/** Something that stands before an app and passes requests on. */
export function isProxy(image: string | null): boolean {
  return /(^|\/)(nginx|nginx-unprivileged|caddy|traefik|haproxy|httpd|envoy|openresty)(:|@|$)/i.test(image ?? "");
}
