// Texts of engines and of Compose that cannot be provoked on every machine; the others are in the tests with a real one.
import { expect, test } from "bun:test";
import { buildError, composeFileError, withoutSecrets } from "./compose-errors.ts";
import { isNewEnough } from "./compose-program.ts";
import { engineRefusal } from "./engine-errors.ts";

test.each([
  ["write /var/lib/docker/tmp/x: no space left on device", "disk_full"],
  ["driver failed programming external connectivity: Bind for 127.0.0.1:8000 failed: port is already allocated", "port_taken"],
  ["could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network", "address_pool_exhausted"],
  ["all predefined address pools have been fully subnetted", "address_pool_exhausted"],
  ["Pool overlaps with other one on this address space", "subnet_taken"],
  ["No such image: nowhere:1", "image_missing"],
  ["pull access denied for nowhere, repository does not exist or may require 'docker login'", "image_missing"],
  ['OCI runtime create failed: exec: "gunicorn": executable file not found in $PATH: unknown', "container_failed"],
  ['invalid mount config for type "bind": bind source path does not exist: /nowhere', "container_failed"],
  ["something else", "otherwise"],
])("%s", (text, code) => {
  const error = engineRefusal("Service web cannot start", `Error response from daemon: ${text}`, { code: "otherwise", hints: ["Look."] });
  expect(error).toMatchObject({ kind: "machine", code });
  expect(error.message).toMatch(/^Service web cannot start: .*[^.]\.$/);
});

test("a full disk while building is no failure of the build", () => {
  expect(buildError("failed to solve: write /x: no space left on device", ["web"])).toMatchObject({ code: "disk_full" });
  expect(buildError('x\nfailed to solve: process "/bin/sh -c false" did not complete', ["web"])).toMatchObject({ code: "build_failed" });
});

test("a variable that is missing is named with where to set it", () => {
  const error = composeFileError("error while interpolating services.web.image: required variable TAG is missing a value: set it\n");
  expect(error.hints[0]).toContain("TAG");
});

test("a value with a dollar sign too many is not repeated: it may be a password", () => {
  const error = composeFileError(
    "invalid interpolation format for services.db.environment.PASSWORD.\nYou may need to escape any $ with another $.\nhunter${2\n",
  );
  expect(error).toMatchObject({ kind: "config", code: "compose_invalid" });
  expect(JSON.stringify(error.toWire())).not.toContain("hunter");
  expect(error.message).toContain("services.db.environment.PASSWORD has a dollar sign");
});

test("a secret of several lines is left out of each line, and so is one that comes from the shell", () => {
  const services = { web: { environment: { PRIVATE_KEY: "-----BEGIN KEY-----\nMIIBVgIBADAN\n-----END KEY-----\n" } } };
  const model = { name: "p", services, secrets: { token: { environment: "TOKEN" } } };
  expect(withoutSecrets("echo MIIBVgIBADAN from-the-shell other", model, { TOKEN: "from-the-shell", X: "other" })).toBe(
    "echo ••• ••• other",
  );
});

test("values that look like secrets are left out of a text, wherever they stand; others stay", () => {
  const services = {
    web: {
      environment: { API_KEY: "abcd1234", MODE: "development", URL: "redis://:pw@cache/0" },
      build: { args: { NPM_TOKEN: "abcd1234-longer" } },
    },
  };
  const model = { name: "p", services, secrets: { key: { content: "contents" } } };
  expect(withoutSecrets("abcd1234-longer abcd1234 development redis://:pw@cache/0 contents", model)).toBe("••• ••• development ••• •••");
});

test("a password that is a name of the stack, or a short word, is left out only where it stands as a password", () => {
  const services = {
    db: {
      image: "postgres:16",
      environment: { POSTGRES_PASSWORD: "bookshelf", ADMIN_TOKEN: "dev", PGPASSWORD: "postgres", URL: "redis://:shh@q/0" },
    },
  };
  const model = { name: "bookshelf-a", services };
  const clean = (text: string) => withoutSecrets(text, model);
  expect(clean("Container bookshelf-a-db-1 Created, dev postgres:16 Pulled")).toBe(
    "Container bookshelf-a-db-1 Created, dev postgres:16 Pulled",
  );
  expect(clean("redis://:shh@q/1 shh")).toBe("redis://:•••@q/1 shh");
  expect(clean("postgres://bookshelf:bookshelf@db/bookshelf")).toBe("postgres://bookshelf:•••@db/bookshelf");
  expect(clean('POSTGRES_PASSWORD=bookshelf {"ADMIN_TOKEN": "dev"} --requirepass bookshelf')).toBe(
    'POSTGRES_PASSWORD=••• {"ADMIN_TOKEN": "•••"} --requirepass •••',
  );
});

test.each([
  ["2.26.1-4", true],
  ["v2.20.0", true],
  ["5.0.0", true],
  ["2.19.9", false],
  ["1.29.2", false],
  ["", false],
])("Compose %s", (version, expected) => {
  expect(isNewEnough(version)).toBe(expected);
});
