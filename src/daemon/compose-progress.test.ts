import { expect, test } from "bun:test";
import { composeProgress } from "./compose-progress.ts";

function seen(text: string): string[] {
  const lines: string[] = [];
  const report = composeProgress((line) => lines.push(line));
  for (const line of text.split("\n")) report(line);
  return lines;
}

test("a build that had something to do says what; one that had not says nothing", () => {
  const first = `#0 building with "default" instance using docker driver
#1 [web internal] load build definition from Dockerfile
#1 DONE 0.0s
#3 [web 1/3] FROM docker.io/library/python:3.12
#3 DONE 0.0s

#4 [web 2/3] RUN pip install django
#4 0.812 Collecting django
#4 1.302 Installed
#4 DONE 1.4s
#5 [web 3/3] COPY . /app
#5 DONE 0.1s
#6 [web] exporting to image
#6 DONE 0.0s`;
  expect(seen(first)).toEqual(["[web 2/3] RUN pip install django", "Collecting django", "Installed", "[web 3/3] COPY . /app"]);
  const second = `#4 [web 2/3] RUN pip install django
#4 CACHED
#5 [web 3/3] COPY . /app
#5 CACHED`;
  expect(seen(second)).toEqual([]);
});

test("what is not of a build is passed on, without the empty lines", () => {
  expect(seen("\n Network shop-a_default  Created\n\n")).toEqual(["Network shop-a_default  Created"]);
});
