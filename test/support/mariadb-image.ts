// MariaDB as people know it from its usual image, made of the machine's own programs: nothing is fetched, and it takes two seconds.
import { chmodSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { importedImage, type TestImage } from "./docker.ts";

const programs = ["mariadbd", "mariadb", "mariadb-admin", "my_print_defaults", "mariadb-install-db"] as const;
const data = "/usr/share/mysql";

/** Why none can be made here; null: it can. */
export function mariadbImageReason(): string | null {
  if (process.platform !== "linux") return "this is not Linux";
  const missing = programs.find((program) => find(program) === null);
  return missing === undefined && existsSync(data) ? null : `there is no ${missing ?? data} here`;
}

/** Its first start makes a server with MYSQL_ROOT_PASSWORD (or MARIADB_…), MYSQL_DATABASE, MYSQL_USER and MYSQL_PASSWORD. */
export function mariadbImage(): TestImage {
  return importedImage({
    tag: "mariadb",
    changes: ["VOLUME /var/lib/mysql", "EXPOSE 3306", 'ENTRYPOINT ["/entrypoint.sh"]', 'CMD ["mariadbd"]'],
    fill(root) {
      for (const name of programs) {
        const path = find(name) ?? "";
        copy(path, join(root, "usr/bin", basename(path)));
        if (name !== "mariadb-install-db") for (const library of librariesOf(path)) copy(library, join(root, library));
      }
      cpSync(data, join(root, data), { recursive: true, dereference: true });
      for (const directory of ["var/lib/mysql", "run/mysqld"]) mkdirSync(join(root, directory), { recursive: true });
      symlinkSync("bin", join(root, "usr/sbin"));
      writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
      writeFileSync(join(root, "entrypoint.sh"), entrypoint);
      chmodSync(join(root, "entrypoint.sh"), 0o755);
    },
  });
}

const entrypoint = `#!/bin/sh
set -eu
[ "$1" = mariadbd ] || exec "$@"
if [ ! -d /var/lib/mysql/mysql ]; then
  root=\${MARIADB_ROOT_PASSWORD:-\${MYSQL_ROOT_PASSWORD:-}}
  mariadb-install-db --user=root --datadir=/var/lib/mysql --basedir=/usr --force --skip-name-resolve --auth-root-authentication-method=normal --skip-test-db >&2
  {
    echo "ALTER USER root@localhost IDENTIFIED BY '$root';"
    echo "CREATE USER root@'%' IDENTIFIED BY '$root';"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    [ -z "\${MYSQL_DATABASE:-}" ] || echo "CREATE DATABASE \\\`$MYSQL_DATABASE\\\`;"
    [ -z "\${MYSQL_USER:-}" ] || echo "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';"
    [ -z "\${MYSQL_USER:-}" ] || echo "GRANT ALL ON \\\`$MYSQL_DATABASE\\\`.* TO '$MYSQL_USER'@'%';"
  } > /tmp/first.sql
  set -- "$@" --init-file=/tmp/first.sql
fi
exec "$@" --user=root --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --innodb-buffer-pool-size=32M --skip-log-bin
`;

function find(program: string): string | null {
  return Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` });
}

function librariesOf(program: string): string[] {
  const listed = Bun.spawnSync(["ldd", realpathSync(program)], { stdout: "pipe", stderr: "ignore" }).stdout.toString();
  return [...listed.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
}

function copy(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { dereference: true });
}
