// Commands that take an environment as argument take it as `-e` as well, like all the others.
import { WtError } from "../errors/wt-error.ts";

/** `wt <command> feature` is `wt <command> -e feature`; two different ones are a mistake. */
export function chosenEnvironment(command: string, name: string | undefined, option: string | undefined): string | undefined {
  if (name === undefined || option === undefined || name === option) return name ?? option;
  throw new WtError({
    kind: "usage",
    code: "options_exclude_each_other",
    message: `Name one environment: ${name} or -e ${option}, not both.`,
    hints: [`See: wt ${command} --help`],
  });
}
