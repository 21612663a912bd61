// git waits for the locks of refs, but not for the lock of the configuration file: twenty branches made at once would fail.
import { systemClock } from "../os/clock.ts";
import { gitStderr } from "./git.ts";

const attempts = 60;

/** Runs `work` again, after a short pause, while another git holds the configuration's lock; at most for about three seconds. */
export async function retryConfigLock<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attempts || !/could not lock config file/.test(gitStderr(error) ?? "")) throw error;
      await systemClock.sleep(10 + Math.random() * 80);
    }
  }
}
