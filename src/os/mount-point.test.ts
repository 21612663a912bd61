import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMount, parseMountInfo, readMountPoint } from "./mount-point.ts";

const text = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
36 22 98:0 / /mnt/my\\040stick rw,noatime master:1 - vfat /dev/sdb1 rw
37 22 98:1 /home /home rw - btrfs /dev/sdc rw
38 22 98:2 / /home rw - nfs4 server:/home rw
`;

describe("which file system a path lies on", () => {
  const mounts = parseMountInfo(text);

  test("the deepest mount, of several at one place the last, spaces and all", () => {
    expect(findMount(mounts, "/srv/shop")).toEqual({ at: "/", what: "ext4 /dev/vda /" });
    expect(findMount(mounts, "/mnt/my stick/shop")).toEqual({ at: "/mnt/my stick", what: "vfat /dev/sdb1 /" });
    expect(findMount(mounts, "/home/ada/shop")).toEqual({ at: "/home", what: "nfs4 server:/home /" });
    expect(findMount(mounts, "/homely")).toEqual({ at: "/", what: "ext4 /dev/vda /" });
    expect(findMount([], "/x")).toBeNull();
  });

  test("another thing at the same place is another file system, and none is the one above", () => {
    const [root] = mounts;
    expect(findMount(root ? [root] : [], "/mnt/my stick/shop")).not.toEqual(findMount(mounts, "/mnt/my stick/shop"));
  });

  test("here, for what is there and for what is not", () => {
    const present = readMountPoint(tmpdir());
    expect(present).not.toBeNull();
    expect(readMountPoint(join(tmpdir(), "no/such/directory"))).toEqual(present);
  });
});
