import { expect, test } from "bun:test";
import fc from "fast-check";
import { startFakeDaemon } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";
import { parseHook } from "./agent-event.ts";

test("a hook's JSON: what it says, what is only a reminder, and what is nothing", () => {
  const hook = (input: object) => parseHook(JSON.stringify(input));
  expect(hook({ hook_event_name: "Notification", notification_type: "permission_prompt", message: "May I\nuse Bash?", cwd: "/w" })).toEqual(
    {
      cwd: "/w",
      detail: "May I use Bash?",
      kind: "news",
      irrelevant: false,
    },
  );
  expect(hook({ hook_event_name: "Notification", notification_type: "idle_prompt", message: "x" }).kind).toBe("reminder");
  expect(hook({ hook_event_name: "Notification", notification_type: "auth_success", message: "x" }).irrelevant).toBe(true);
  expect(hook({ hook_event_name: "SessionStart", source: "startup" }).kind).toBe("beginning");
  // What a person typed is nobody else's business.
  expect(hook({ hook_event_name: "UserPromptSubmit", prompt: "secret", message: "secret" }).detail).toBeNull();
});

test("whatever comes in is understood or ignored", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => expect(parseHook(text)).toHaveProperty("kind")));
});

test("prints nothing, ends with 0 and starts no daemon, with and without one", async () => {
  await using daemon = await startFakeDaemon({ "/v1/agents/event": { known: true } });
  const env = { ...daemon.env, WT_AGENT: "1f" };
  expect(await runCli(["agent", "event", "waiting", '{"cwd":"/w"}'], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(daemon.requests.map(({ path, body }) => [path, body])).toMatchObject([
    ["/v1/agents/event", { agent: "1f", cwd: "/w", state: "waiting" }],
  ]);
  const nobody = { ...daemon.env, XDG_STATE_HOME: "/nonexistent/state", XDG_RUNTIME_DIR: "/nonexistent/run" };
  expect(await runCli(["agent", "event", "done"], { env: nobody })).toEqual({ code: 0, stdout: "", stderr: "" });
});
